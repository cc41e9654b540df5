# SPDX-License-Identifier: Apache-2.0
"""Which ops can be a tap or a target, and why the others cannot: what `inspect` shows and `edit` goes by."""

from __future__ import annotations

from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import logits_tensor
from mcuedit.model.adaptable import OUTPUT, is_adaptable, op_geometry
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
    """All ops that are tried where none is named: those that can be one, and have weights or are an accelerator's."""
    return [op.index for op in model.ops if is_adaptable(model, op) and no_tap(model, op.index) is None]


def taps_of(model: Model, target: int) -> list[int]:
    """Taps that a target has of its own: its input, and of an accelerator, which hides all between, its output."""
    return [target, target | OUTPUT] if model.ops[target].is_accelerator else [target]
