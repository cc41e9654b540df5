# SPDX-License-Identifier: Apache-2.0
"""The locality certificate: which inputs a stack leaves byte-identical by construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit.delta import Delta
from mcuedit.evaluation.outputs import Trace, with_deltas
from mcuedit.model import Model


@dataclass(frozen=True)
class Certificate:
    """Inputs of a keep set under one named stack.

    Attributes:
        total: inputs looked at.
        identical: those whose output bytes are the base's.
        touched: names of the others, in order.
    """

    total: int
    identical: int
    touched: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Every output is byte-identical."""
        return self.identical == self.total

    def __str__(self) -> str:
        return f"{self.identical} of {self.total} keep outputs are byte-identical to the base's"


def certify(model: Model, deltas: Sequence[Delta], base: Trace, names: Sequence[str]) -> Certificate:
    """Runs the stack over the traced inputs and compares output bytes.

    Args:
        base: of the untouched base, from the first tap on.
        names: one per input.
    """
    output = model.outputs[0]
    before = base.values[output]
    after = with_deltas(model, deltas, base).values[output]
    touched = np.flatnonzero((before != after).reshape(len(before), -1).any(axis=1)).tolist()
    return Certificate(len(before), len(before) - len(touched), tuple(names[i] for i in touched))
