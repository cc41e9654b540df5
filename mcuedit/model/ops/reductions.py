# SPDX-License-Identifier: Apache-2.0
"""MEAN, SUM and REDUCE_MAX, int8, over any axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.fixedpoint import quantize_multiplier, requantize
from mcuedit.model.ops.common import integers, require, same_quantization, unclamped
from mcuedit.model.tflite import Model, Op


def reduced_axes(model: Model, op: Op) -> tuple[int, ...]:
    """The axes that are reduced, ascending, of the input as it is in the model."""
    rank = len(model.tensors[op.inputs[0]].shape)
    found = {a + rank if a < 0 else a for a in integers(model, op, 1)}
    require(all(0 <= a < rank for a in found), op, f"axes {sorted(found)} of {rank}")
    return tuple(sorted(found))


def sum_multiplier(op: Op, scale: float, count: int) -> tuple[int, int]:
    """(m, s) of a SUM; those of a MEAN divide by `count` too, with as many bits as TFLM keeps; m may be below 2**30."""
    m, s = quantize_multiplier(scale)
    if op.kind == "SUM":
        return m, s
    shift = min(count.bit_length() - 1, 32, 31 + s)
    return (m << shift) // count, s - shift


class _Reduction:
    """The axes, and how many elements go into one."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        self._axes = tuple(a + 1 for a in reduced_axes(model, op))  # behind the samples' axis
        self._count = math.prod(x.shape[a - 1] for a in self._axes)
        kept = math.prod(n for i, n in enumerate(x.shape) if i + 1 not in self._axes)
        require(y.size == kept > 0 and self._count > 0, op, f"{list(x.shape)} gives no {list(y.shape)}")
        self._x, self._y = x, y

    def _kept(self, x: Int8Array) -> list[int]:
        """The input's shape with axes of length 1 where it was reduced."""
        return [1 if i in self._axes else size for i, size in enumerate(x.shape)]


class Sum(_Reduction):
    """MEAN and SUM: y = clamp(zy + MBQM(sum - count * zx))."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        x, y = self._x, self._y
        require(self._count < 1 << 23, op, f"a sum of {self._count} elements")
        ratio = float(x.scale[0]) / float(y.scale[0])
        require(ratio < 1 << 30, op, f"a ratio of scales of {ratio}")
        self._scaling = sum_multiplier(op, ratio, self._count)
        self._slope = np.float32(ratio / (1 if op.kind == "SUM" else self._count))

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        total = xs[0].sum(axis=self._axes, dtype=np.int32).reshape(-1, self._y.size)
        offset = -self._count * self._x.zero
        return requantize(total, offset, *self._scaling, self._y.zero, (-128, 127)).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        free = unclamped(grad, y, -128, 127).reshape(self._kept(x)) * self._slope
        return (np.broadcast_to(free, x.shape),)


class Largest(_Reduction):
    """REDUCE_MAX; input and output are quantized alike."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        require(same_quantization(self._x, self._y), op, "an output that is quantized differently from the input")

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        found: Int8Array = xs[0].max(axis=self._axes, initial=-128).astype(np.int8)
        return found.reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input], all to the first of the largest."""
        (x,) = xs
        left = [i for i in range(x.ndim) if i not in self._axes]
        order = (*left, *self._axes)
        rows = x.transpose(order).reshape(grad.size, self._count)
        back = np.zeros(rows.shape, np.float32)
        back[np.arange(len(rows)), rows.argmax(axis=1)] = grad.reshape(-1)
        moved = back.reshape([x.shape[i] for i in order]).transpose(np.argsort(order))
        return (np.ascontiguousarray(moved),)
