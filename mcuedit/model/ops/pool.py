# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D and MAX_POOL_2D, of 8 or 16 bits: elements beyond the input do not count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.ops.common import limits, require, unclamped
from mcuedit.model.ops.windows import elements, inner, padded, pieces
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import Window, window

_SCALES_OFF = 1e-6


class _Pool:
    """Shapes of a pool: the output has the input's channels and quantization."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        self._window: Window = window(model, op)
        require(x.shape[3] == y.shape[3], op, f"{x.shape[3]} channels in, {y.shape[3]} out")
        same = abs(float(x.scale[0] - y.scale[0])) <= _SCALES_OFF and x.zero == y.zero
        require(same, op, "input and output are quantized differently")
        self._limits, self._shape = limits(op, y), y.shape


class AveragePool(_Pool):
    """The mean, rounded to nearest, halves away from zero."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        ones = np.ones((1, self._window.batches, self._window.in_h, self._window.in_w, 1), np.int32)
        around = padded(self._window, ones, 0, np.int32)
        self._count = np.zeros((1, self._window.out_h, self._window.out_w, 1), np.int32)
        for _, _, view in elements(self._window, around):
            self._count += view[:1]

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, batches, h, w, c] -> int8[n, batches, h', w', c]."""
        (x,) = xs
        out = np.empty((len(x), *self._shape), x.dtype)
        for piece in pieces(self._window, len(x), self._shape[3]):
            around = padded(self._window, x[piece], 0, np.int32)
            total = np.zeros((len(around), *self._shape[1:]), np.int32)
            for _, _, view in elements(self._window, around):
                total += view
            mean = np.sign(total) * ((np.abs(total) + self._count // 2) // self._count)
            out[piece] = np.clip(mean, *self._limits).reshape(-1, *self._shape)
        return out

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        free = unclamped(grad, y, *self._limits).reshape(-1, *self._shape[1:]) / self._count.astype(np.float32)
        around = padded(self._window, np.zeros(x.shape, np.float32), 0, np.float32)
        for _, _, view in elements(self._window, around):
            view += free
        return (inner(self._window, around).reshape(x.shape),)


class MaxPool(_Pool):
    """The largest."""

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, batches, h, w, c] -> int8[n, batches, h', w', c]."""
        return np.clip(self._largest(xs[0]), *self._limits).astype(xs[0].dtype).reshape(-1, *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input], all to the first of the largest."""
        (x,) = xs
        free = unclamped(grad, y, *self._limits).reshape(-1, *self._shape[1:])
        values, largest = padded(self._window, x, int(np.iinfo(x.dtype).min), x.dtype), self._largest(x)
        inside = padded(self._window, np.ones(x.shape, bool), 0, np.bool_)
        around = padded(self._window, np.zeros(x.shape, np.float32), 0, np.float32)
        given = np.zeros(largest.shape, bool)
        views = zip(
            elements(self._window, values), elements(self._window, inside), elements(self._window, around), strict=True
        )
        for (_, _, value), (_, _, here), (_, _, back) in views:
            first = (value == largest) & here & ~given
            back += np.where(first, free, np.float32(0))
            given |= first
        return (inner(self._window, around).reshape(x.shape),)

    def _largest(self, x: Int8Array) -> Int8Array:
        least = int(np.iinfo(x.dtype).min)
        around = padded(self._window, x, least, x.dtype)
        largest = np.full((len(around), *self._shape[1:]), least, x.dtype)
        for _, _, view in elements(self._window, around):
            np.maximum(largest, view, out=largest)
        return largest
