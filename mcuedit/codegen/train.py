# SPDX-License-Identifier: Apache-2.0
"""What a device needs to train: statistics and configuration as C constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.base import Base
from mcuedit.carrier import carrier
from mcuedit.codegen import literals
from mcuedit.codegen.names import base_names
from mcuedit.codegen.plan import plan
from mcuedit.codegen.render import banner, render_text
from mcuedit.learning import GateStatistics


@dataclass(frozen=True)
class TrainSetup:
    """How a device trains gates.

    Attributes:
        tap, target: op indices; the target makes the logits.
        corrections, replay: wordings of an edit and confirmed inputs that there is room for.
        replay_least: confirmed inputs without which training does not start.
        replay_changed: confirmed inputs whose answer may change.
    """

    tap: int
    target: int
    corrections: int = 2
    replay: int = 32
    replay_least: int = 1
    replay_changed: int = 0

    def tap_tensor(self, base: Base) -> int:
        """The tensor that `codegen.render_base` must leave in the arena."""
        return base.model.ops[self.tap].inputs[0]


def render_train(base: Base, statistics: GateStatistics, setup: TrainSetup, *, bare: bool = True) -> dict[str, str]:
    """Header and source of what training needs beside a base.

    Args:
        bare: the base is that of `codegen.render_base` with `keep=(setup.tap_tensor(base),)`.

    Raises:
        McueditError: the bare runtime does not support the model.
    """
    made = plan(base.model, keep=(setup.tap_tensor(base),)) if bare else None
    s = statistics
    context: dict[str, Any] = {
        **banner(base),
        "names": base_names(base.name),
        "statistics": s,
        **vars(setup),
        "n_in": carrier(base.model, setup.tap).n_in,
        "tap_offset": made.places[setup.tap_tensor(base)].offset if made else None,
        "arrays": [
            _array("centre", s.centre),
            _array("directions", s.directions),
            _array("damping", s.damping),
            _array("rows", s.rows),
        ],
    }
    stem = context["names"].stem
    return {f"{stem}_train.{end}": render_text(f"train.{end}.j2", context) for end in "hc"}


def _array(name: str, values: npt.NDArray[np.int8] | npt.NDArray[np.int16]) -> dict[str, Any]:
    kind = literals.C_TYPES[values.dtype.name]
    return {"name": name, "type": kind, "count": values.size, "text": literals.array(values)}
