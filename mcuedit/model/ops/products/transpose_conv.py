# SPDX-License-Identifier: Apache-2.0
"""TRANSPOSE_CONV, int8: each input pixel is spread over a window of the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.model.fixedpoint import quantize_multiplier, requantize
from mcuedit.model.ops import linear
from mcuedit.model.ops.common import constant, integers, limits, operand, require, unclamped
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import INT32, Model, Op

Array = npt.NDArray[Any]

INPUT, _BIAS = 2, 3  # operands, behind the output's shape and the filters


@dataclass(frozen=True)
class Spread:
    """Strides, and output rows and columns that lie before the first window's start."""

    stride_h: int
    stride_w: int
    top: int
    left: int


def spread(model: Model, op: Op) -> Spread:
    """How windows lie in the output, as TFLM's ComputePaddingHeightWidth of it."""
    y, filters = model.tensors[op.outputs[0]].shape, model.tensors[op.inputs[1]].shape
    strides = [int(op.options.get(f"stride{name}", 0)) for name in "HW"]
    padding = int(op.options.get("padding", 0))
    require(min(strides) > 0 and padding in (0, 1) and len(y) == len(filters) == 4, op, f"strides {strides}")
    before = []
    for stride, size, taps in zip(strides, y[1:3], filters[1:3], strict=True):
        windows = -(-size // stride) if padding == 0 else (size + stride - taps) // stride
        before.append(max((windows - 1) * stride + taps - size, 0) // 2)
    return Spread(strides[0], strides[1], before[0], before[1])


def bias(model: Model, op: Op, channels: int, dtype: str = INT32) -> IntArray:
    """int64[channels]; zeros without one."""
    if operand(model, op, _BIAS) is None:
        return np.zeros(channels, np.int64)
    values = constant(model, op, _BIAS, dtype).ravel()
    require(values.size == channels, op, f"{values.size} biases for {channels} channels")
    return values.astype(np.int64)


class TransposeConv:
    """Sums of products of input less its zero point and filters, where windows overlap.

    Attributes:
        bias_type: of its bias. most: |input| less its zero point. bits: of a sum.
    """

    bias_type, most, bits = INT32, 255, 32

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[INPUT]], model.tensors[op.outputs[0]]
        _, data = linear.int8_weights(model, op, 0)
        fits = (
            len(x.shape) == len(y.shape) == data.ndim == 4 and x.shape[0] == y.shape[0] and min(*x.shape, *y.shape) > 0
        )
        fits = fits and data.shape[3] == x.shape[3] and data.shape[0] == y.shape[3]
        require(fits, op, f"filters {list(data.shape)} for {list(x.shape)} to {list(y.shape)}")
        require(
            integers(model, op, 0) == list(y.shape), op, f"a shape of {integers(model, op, 0)}, not {list(y.shape)}"
        )
        self._w, self._over, self._x, self._y = data.astype(np.int64), spread(model, op), x, y
        self._bias = bias(model, op, y.shape[3], self.bias_type)
        reach = np.abs(self._bias) + self.most * np.abs(self._w).reshape(len(data), -1).sum(axis=1)
        require(int(reach.max()) < 1 << (self.bits - 1), op, f"its accumulator can exceed {self.bits} bits")
        found = ratios(model, op)
        require(max(found) < 1 << 30, op, f"a ratio of scales of {max(found)}")
        scales = np.array([quantize_multiplier(ratio) for ratio in found], np.int64)
        self._m, self._s = scales.T if len(scales) > 1 else scales[0]
        self._real = np.broadcast_to(np.array(found, np.float32), (y.shape[3],))
        self._limits = limits(op, y)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, batches, h, w, c] -> int8[n, batches, h', w', c']."""
        y = requantize(self._sums(xs[0]), self._bias, self._m, self._s, self._y.zero, self._limits)
        return y.reshape(-1, *self._y.shape)

    def _sums(self, x: Array) -> IntArray:
        """int64[n * batches, h', w', c'], without the bias."""
        values = x.reshape(-1, *self._x.shape[1:]).astype(np.float64) - self._x.zero
        around = np.zeros((len(values), *self._around()), np.float64)
        for view, weights in self._taps(around):
            view += values @ weights.T.astype(np.float64)
        return self._inner(around).astype(np.int64)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        free = unclamped(grad, y, *self._limits) * self._real
        around = np.zeros((x.shape[0] * x.shape[1], *self._around()), np.float32)
        self._inner(around)[...] = free.reshape(-1, *self._y.shape[1:])
        back = np.zeros((len(around), *self._x.shape[1:]), np.float32)
        for view, weights in self._taps(around):
            back += view @ weights.astype(np.float32)
        return (back.reshape(x.shape),)

    def _around(self) -> tuple[int, int, int]:
        """Height, width and channels of what holds every window and the whole output."""
        over, (_, high, wide, _) = self._over, self._x.shape
        _, taps_h, taps_w, _ = self._w.shape
        tall = max((high - 1) * over.stride_h + taps_h, over.top + self._y.shape[1])
        broad = max((wide - 1) * over.stride_w + taps_w, over.left + self._y.shape[2])
        return tall, broad, self._y.shape[3]

    def _inner(self, around: Array) -> Array:
        top, left = self._over.top, self._over.left
        return around[:, top : top + self._y.shape[1], left : left + self._y.shape[2]]

    def _taps(self, around: Array) -> list[tuple[Array, IntArray]]:
        """Where each tap of all windows lies, and its weights [c', c]."""
        over, (_, high, wide, _) = self._over, self._x.shape
        return [
            (
                around[:, i : i + (high - 1) * over.stride_h + 1 : over.stride_h][
                    :, :, j : j + (wide - 1) * over.stride_w + 1 : over.stride_w
                ],
                self._w[:, i, j],
            )
            for i in range(self._w.shape[1])
            for j in range(self._w.shape[2])
        ]
