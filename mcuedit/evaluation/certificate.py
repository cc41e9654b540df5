# SPDX-License-Identifier: Apache-2.0
"""The locality certificate: which inputs an active set leaves byte-identical by construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, answers, logits_tensor, whole_output, with_deltas
from mcuedit.model.tflite import Model


@dataclass(frozen=True)
class Certificate:
    """Inputs of a keep set under one named active set.

    Attributes:
        total: inputs looked at.
        identical: those whose output bytes are the base's.
        touched: names of the others, in order.
        answered: inputs that get the answer they got, whatever their bytes.
    """

    total: int
    identical: int
    touched: tuple[str, ...]
    answered: int

    @property
    def holds(self) -> bool:
        """Every output is byte-identical."""
        return self.identical == self.total

    def shortfalls(self, floor: float, *, answers: bool, outputs: bool) -> tuple[str, ...]:
        """What falls below a share of the inputs, in words; nothing if there are no inputs.

        Args:
            answers: whether there are answers. outputs: whether their bytes are meant to stay.
        """
        asked = ((self.answered, "keep their answer", answers), (self.identical, "keep their output bytes", outputs))
        return tuple(
            f"only {100 * kept / self.total:.1f} % of {self.total} inputs to be kept {what}, less than the floor of "
            f"{100 * floor:g} %"
            for kept, what, counts in asked
            if counts and self.total and kept < floor * self.total
        )

    def __str__(self) -> str:
        return f"{self.identical} of {self.total} keep outputs are byte-identical to the base's"


def certify(model: Model, deltas: Sequence[Delta], base: Trace, names: Sequence[str]) -> Certificate:
    """Runs the active set over the traced inputs and compares output bytes.

    Args:
        base: of the untouched base, from the first tap on.
        names: one per input.
    """
    logits = logits_tensor(model)
    now = with_deltas(model, deltas, base)
    before, after = (whole_output(model, trace) for trace in (base, now))
    touched = np.flatnonzero((before != after).any(axis=1)).tolist()
    answered = int((answers(base.values[logits]) == answers(now.values[logits])).sum())
    return Certificate(len(before), len(before) - len(touched), tuple(names[i] for i in touched), answered)
