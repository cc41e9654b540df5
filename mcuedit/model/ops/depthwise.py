# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D, int8, with any depth multiplier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.ops import linear
from mcuedit.model.ops.common import require
from mcuedit.model.ops.windows import elements, inner, padded, pieces
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window


class Depthwise:
    """Output channel k of an input channel c reads that channel alone: c * multiplier + k."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        self._window = window(model, op)
        _, data = linear.int8_weights(model, op, 3)
        self._times = int(op.options.get("depthMultiplier", 0))
        channels = x.shape[3] * self._times
        fits = data.shape[0] == 1 and data.shape[3] == y.shape[3] == channels > 0
        require(fits, op, f"depth multiplier {self._times} with filters of shape {list(data.shape)}")
        require(op.inputs[2:] != (-1,), op, "a bias that is named but left out, which TFLM does not survive")
        w = data[0].astype(np.int64)
        self._zx, self._shape = x.zero, y.shape
        self._w = w.astype(linear.exact_type(w.reshape(-1, channels)))
        bias, flat = linear.bias(model, op, channels), w.reshape(-1, channels)
        self._out = linear.Requantization(op, x, y, flat, bias, linear.multipliers(model, op))

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, batches, h, w, c] -> int8[n, batches, h', w', c * multiplier]."""
        (x,) = xs
        out = np.empty((len(x), *self._shape), np.int8)
        for piece in pieces(self._window, len(x), self._shape[3]):
            around = padded(self._window, np.repeat(x[piece], self._times, axis=-1), self._zx, self._w.dtype)
            total = np.zeros((len(around), *self._shape[1:]), self._w.dtype)
            product = np.empty_like(total)
            for i, j, view in elements(self._window, around):
                total += np.multiply(view, self._w[i, j], out=product)
            out[piece] = self._out(total).reshape(-1, *self._shape)
        return out

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        back = np.empty(x.shape, np.float32)
        w = self._w.astype(np.float32)
        for piece in pieces(self._window, len(x), self._shape[3]):
            at_sums = self._out.back(grad[piece], y[piece]).reshape(-1, *self._shape[1:])
            blank = np.zeros((len(at_sums) // self._window.batches, *x.shape[1:-1], self._shape[3]), np.float32)
            around = padded(self._window, blank, 0, np.float32)
            for i, j, view in elements(self._window, around):
                view += at_sums * w[i, j]
            wide = inner(self._window, around)
            back[piece] = wide.reshape(-1, *x.shape[1:], self._times).sum(axis=-1)
        return (back,)
