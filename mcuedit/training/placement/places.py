# SPDX-License-Identifier: Apache-2.0
"""Which ops can be a tap or a target, and why the others cannot: what `inspect` shows and `edit` goes by."""

from __future__ import annotations

from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import logits_tensor
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.tflite import Model
from mcuedit.training.core.suffix import Suffix


def no_tap(model: Model, index: int) -> McueditError | None:
    """Why an op cannot be a tap; None if it can."""
    try:
        op_geometry(model, index)
    except McueditError as error:
        return error
    return None


def no_target(model: Model, index: int, end: int | None = None) -> McueditError | None:
    """Why an op cannot be a target; None if it can.

    Args:
        end: the tensor that edits are about; None: the logits.
    """
    if error := no_tap(model, index):
        return error
    try:
        Suffix(model, index, logits_tensor(model) if end is None else end)
    except McueditError as error:
        return error
    return None


def taps(model: Model) -> list[int]:
    """All ops that can be one."""
    return [op.index for op in model.ops if no_tap(model, op.index) is None]
