# SPDX-License-Identifier: Apache-2.0
"""EXPAND_DIMS and SQUEEZE: the same bytes in another shape."""

from __future__ import annotations

from mcuedit.model.ops.common import integers, require
from mcuedit.model.ops.moves.copies import Reshape
from mcuedit.model.tflite import Model, Op

_MOST_AXES = 8  # of SQUEEZE


class ExpandDims(Reshape):
    """One axis of length 1 more."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        named = integers(model, op, 1)
        require(len(named) == 1, op, f"{len(named)} axes")
        axis = named[0] + (len(x.shape) + 1 if named[0] < 0 else 0)
        fits = 0 <= axis <= len(x.shape) and y.shape == (*x.shape[:axis], 1, *x.shape[axis:])
        require(fits, op, f"{list(x.shape)} with an axis at {named[0]} is not {list(y.shape)}")


class Squeeze(Reshape):
    """Axes of length 1 less: those that are named, or all."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        rank, listed = len(x.shape), op.options.get("squeezeDims")
        named = [int(i) for i in listed] if listed is not None else []
        axes = {i + rank if i < 0 else i for i in named} or {i for i, n in enumerate(x.shape) if n == 1}
        left = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        fits = rank <= _MOST_AXES and all(0 <= i < rank and x.shape[i] == 1 for i in axes) and left == y.shape
        require(fits, op, f"{list(x.shape)} without axes {named or 'of length 1'} is not {list(y.shape)}")
