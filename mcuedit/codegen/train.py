# SPDX-License-Identifier: Apache-2.0
"""What a device needs to train: statistics and configuration as C constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.base import Base
from mcuedit.carrier import carrier
from mcuedit.codegen import literals
from mcuedit.codegen.names import base_names
from mcuedit.codegen.plan import Plan, plan
from mcuedit.codegen.render import banner, render_base, render_text
from mcuedit.errors import McueditError
from mcuedit.learning import GateStatistics
from mcuedit.learning.factors import FactorOptions, output_scale
from mcuedit.learning.links import links
from mcuedit.learning.plan import factors_width

_MOST_VALUES = 0xFFFF  # of mcuedit_train_factors.values


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


def render_trainable(
    base: Base, gate: tuple[GateStatistics, TrainSetup] | None, factors: FactorSetup | None
) -> dict[str, str]:
    """A base and what it takes to train beside it: header and source of each.

    Raises:
        McueditError: as `codegen.render_base` and `render_factors`.
    """
    model, keep, exported = base.model, list[int](), tuple[int, ...]()
    if gate:
        keep.append(gate[1].tap_tensor(base))
    if factors:
        keep.append(model.ops[factors.op].inputs[0])
        exported = (factors.op, *(link.index for link in links(model, factors.op)))
    files = render_base(base, keep=keep, exported=exported)
    if gate:
        files |= render_train(base, *gate, keep=keep)
    if factors:
        files |= render_factors(base, factors, keep=keep)
    return files


def render_train(
    base: Base, statistics: GateStatistics, setup: TrainSetup, *, keep: Sequence[int] = ()
) -> dict[str, str]:
    """Header and source of what training a gate needs beside a base.

    Args:
        keep: what `codegen.render_base` was told to keep; the tap's input alone if not given.

    Raises:
        McueditError: the bare runtime does not support the model.
    """
    made = plan(base.model, keep=keep or (setup.tap_tensor(base),))
    s = statistics
    context: dict[str, Any] = {
        **banner(base),
        "names": base_names(base.name),
        "statistics": s,
        **vars(setup),
        "n_in": carrier(base.model, setup.tap).n_in,
        "tap_offset": made.places[setup.tap_tensor(base)].offset,
        "arrays": [
            _array("centre", s.centre),
            _array("directions", s.directions),
            _array("damping", s.damping),
            _array("rows", s.rows),
        ],
    }
    stem = context["names"].stem
    return {f"{stem}_train.{end}": render_text(f"train.{end}.j2", context) for end in "hc"}


@dataclass(frozen=True)
class FactorSetup:
    """How a device trains factors of one op; the room is as in TrainSetup."""

    op: int
    options: FactorOptions = field(default_factory=FactorOptions)
    corrections: int = 4
    replay: int = 32
    replay_least: int = 1
    replay_changed: int = 0

    def render_base(self, base: Base) -> dict[str, str]:
        """The base with what training reads of it."""
        found = (self.op, *(link.index for link in links(base.model, self.op)))
        return render_base(base, keep=(base.model.ops[self.op].inputs[0],), exported=found)


def render_factors(base: Base, setup: FactorSetup, *, keep: Sequence[int] = ()) -> dict[str, str]:
    """Header and source of what training factors needs beside the base that `setup.render_base` gives.

    Args:
        keep: as for `render_train`.

    Raises:
        McueditError: the bare runtime does not support the model, an op behind has no gradient on the device, or
            there is too much behind.
    """
    model = base.model
    behind = links(model, setup.op)
    made = plan(model, keep=keep or (model.ops[setup.op].inputs[0],))
    chain = [_link(made, setup.op), *(_link(made, link.index) for link in behind)]
    geometry, values = carrier(model, setup.op), sum(link["n_out"] for link in chain)
    if values > _MOST_VALUES:
        raise McueditError(
            f"op {setup.op} and those behind it have outputs of {values} elements, at most {_MOST_VALUES} can be",
            "train a later op",
        )
    context: dict[str, Any] = {
        **banner(base),
        "names": base_names(base.name),
        **vars(setup),
        "n_in": geometry.n_in,
        "n_out": geometry.n_out,
        "rank": setup.options.rank,
        "links": chain,
        "rows": geometry.rows,
        "width": factors_width([link["n_out"] for link in chain], geometry, setup.options.rank),
        "values": values,
        "output": output_scale(bool(behind)),
        "tap_offset": made.places[model.ops[setup.op].inputs[0]].offset,
    }
    stem = context["names"].stem
    return {f"{stem}_factors.{end}": render_text(f"factors.{end}.j2", context) for end in "hc"}


_WAYS = {
    "mcuedit_fully_connected": "rows",
    "mcuedit_conv_2d": "conv",
    "mcuedit_depthwise_conv_2d": "depthwise",
    "mcuedit_lookup": "lookup",
}
_POOLS = {"AVERAGE_POOL_2D": "average", "MAX_POOL_2D": "max"}


def _link(made: Plan, index: int) -> dict[str, Any]:
    model, op, lowered = made.model, made.model.ops[index], made.lowered[index]
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    weights = lowered.constants.get("weights")
    return {
        "index": index,
        "type": lowered.params_type,
        "function": lowered.function,
        "way": _POOLS.get(op.kind) or _WAYS[lowered.params_type],
        "scratch": lowered.scratch,
        "n_in": x.size,
        "n_out": y.size,
        "macs": y.size if weights is None else weights.size // y.shape[-1] * y.size,
    }


def _array(name: str, values: npt.NDArray[np.int8] | npt.NDArray[np.int16]) -> dict[str, Any]:
    kind = literals.C_TYPES[values.dtype.name]
    return {"name": name, "type": kind, "count": values.size, "text": literals.array(values)}
