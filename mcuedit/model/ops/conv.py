# SPDX-License-Identifier: Apache-2.0
"""CONV_2D, int8: any stride, dilation, padding and number of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.model.ops import linear
from mcuedit.model.ops.common import require
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window

_PIECE = 1 << 22  # elements of patches that are multiplied at once


class Conv:
    """A matrix product over the patches under each window."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        self._window = window(model, op)
        _, data = linear.int8_weights(model, op, 0)
        require(len(data) == y.shape[3], op, f"{len(data)} filters for {y.shape[3]} channels")
        w = dense(op, data, x.shape[3]).reshape(len(data), -1).T
        self._zx, self._shape = x.zero, y.shape
        self._w = w.astype(linear.exact_type(w))
        bias = linear.bias(model, op, len(data))
        self._out = linear.Requantization(op, x, y, w, bias, linear.multipliers(model, op))
        self._step = max(1, _PIECE // (self._window.positions * self._window.elements))

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, batches, h, w, c_in] -> int8[n, batches, h', w', c_out]."""
        (x,) = xs
        out = np.empty((len(x), *self._shape), np.int8)
        for start in range(0, len(x), self._step):
            piece = x[start : start + self._step]
            rows = self._window.patches(piece, self._zx).reshape(-1, self._window.elements).astype(self._w.dtype)
            out[start : start + self._step] = self._out(rows @ self._w).reshape(len(piece), *self._shape)
        return out

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        back = np.empty(x.shape, np.float32)
        for start in range(0, len(x), self._step):
            piece = slice(start, start + self._step)
            at_sums = self._out.back(grad[piece], y[piece]).reshape(-1, self._w.shape[1])
            rows = (at_sums @ self._w.astype(np.float32).T).reshape(-1, self._window.positions, self._window.elements)
            back[piece] = self._window.scatter(rows)
        return (back,)


def dense(op: Op, data: npt.NDArray[Any], c_in: int) -> IntArray:
    """Filters int64[c_out, kernel_h, kernel_w, c_in]: those of a group see zeros beside their own channels."""
    own = data.shape[3]
    groups = c_in // own
    fits = own * groups == c_in and groups > 0 and len(data) % groups == 0
    require(fits, op, f"filters of shape {list(data.shape)} for {c_in} channels")
    dense = np.zeros((*data.shape[:3], c_in), np.int64)
    for o, kernel in enumerate(data):
        first = o // (len(data) // groups) * own
        dense[o, :, :, first : first + own] = kernel
    return dense
