# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED, int8, filters quantized per tensor or per channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit.carrier import carrier
from mcuedit.errors import McueditError
from mcuedit.fixedpoint import mbqm, quantize_multiplier
from mcuedit.model import Model, Op, Tensor
from mcuedit.ops import FloatArray, Int8Array


def multipliers(x: Tensor, weights: Tensor, y: Tensor) -> list[tuple[int, int]]:
    """(m, s) of each channel, or the one of all; the product of scales is taken in double, as TFLM does."""
    return [quantize_multiplier(float(x.scale[0]) * float(scale) / float(y.scale[0])) for scale in weights.scale]


class FullyConnected:
    """y = clamp(zy + MBQM(bias + W (x - zx)))."""

    def __init__(self, model: Model, op: Op) -> None:
        (x, weights, *rest), (y,) = model.op_tensors(op)
        if x is None or weights is None or weights.data is None or weights.dtype != "INT8":
            raise McueditError(
                f"op {op.index} FULLY_CONNECTED: its weights are no int8 constant", "convert the model again"
            )
        geometry = carrier(model, op.index)
        self._lo, self._hi, self._n_in = geometry.act_lo, geometry.act_hi, geometry.n_in
        self._shape = y.shape
        self._zy = y.zero
        self._w = (
            (weights.data.astype(np.float64) - weights.zero).T
            if weights.scale.size == 1
            else weights.data.T.astype(np.float64)
        )
        bias = rest[0].data if rest and rest[0] is not None and rest[0].data is not None else np.zeros(geometry.n_out)
        self._bias = bias.astype(np.float64) - x.zero * self._w.sum(axis=0)
        self._m, self._s = np.array(multipliers(x, weights, y), np.int64).T
        self._real = (self._w * (self._m * 2.0 ** (self._s - 31))).astype(np.float32)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        (x,) = xs
        rows = x.reshape(len(x), -1, self._n_in).astype(np.float64)
        total = (rows @ self._w + self._bias).astype(np.int64)  # exact: far below 2**53
        y = np.clip(mbqm(total, self._m, self._s) + self._zy, self._lo, self._hi)
        return y.astype(np.int8).reshape(len(x), *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]; saturated outputs pass only what leads back into range."""
        blocked = ((y <= self._lo) & (grad > 0)) | ((y >= self._hi) & (grad < 0))
        rows = np.where(blocked, 0, grad).reshape(len(y), -1, self._real.shape[1])
        return ((rows @ self._real.T).reshape(xs[0].shape),)
