# SPDX-License-Identifier: Apache-2.0
"""MEAN, int8, over any axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.fixedpoint import quantize_multiplier, requantize
from mcuedit.model.ops.common import integers, require, unclamped
from mcuedit.model.tflite import Model, Op


def mean_axes(model: Model, op: Op) -> tuple[int, ...]:
    """The axes that are averaged over, ascending, of the input as it is in the model."""
    rank = len(model.tensors[op.inputs[0]].shape)
    found = {a + rank if a < 0 else a for a in integers(model, op, 1)}
    require(all(0 <= a < rank for a in found), op, f"axes {sorted(found)} of {rank}")
    return tuple(sorted(found))


def mean_multiplier(scale: float, count: int) -> tuple[int, int]:
    """(m, s) that divide by `count` too, with as many bits as TFLM keeps; m may be below 2**30."""
    m, s = quantize_multiplier(scale)
    shift = min(count.bit_length() - 1, 32, 31 + s)
    return (m << shift) // count, s - shift


class Mean:
    """y = clamp(zy + MBQM(sum - count * zx))."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        self._axes = tuple(a + 1 for a in mean_axes(model, op))  # behind the samples' axis
        self._count = math.prod(x.shape[a - 1] for a in self._axes)
        kept = math.prod(n for i, n in enumerate(x.shape) if i + 1 not in self._axes)
        require(y.size == kept > 0 and self._count > 0, op, f"mean of {list(x.shape)} gives no {list(y.shape)}")
        require(self._count < 1 << 23, op, f"a sum of {self._count} elements")
        self._x, self._y = x, y
        ratio = float(x.scale[0]) / float(y.scale[0])
        require(ratio < 1 << 30, op, f"a ratio of scales of {ratio}")
        self._scaling = mean_multiplier(ratio, self._count)
        self._slope = np.float32(ratio / self._count)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        total = xs[0].sum(axis=self._axes, dtype=np.int32).reshape(-1, self._y.size)
        offset = -self._count * self._x.zero
        return requantize(total, offset, *self._scaling, self._y.zero, (-128, 127)).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        kept = [1 if i in self._axes else size for i, size in enumerate(x.shape)]
        free = unclamped(grad, y, -128, 127).reshape(kept) * self._slope
        return (np.broadcast_to(free, x.shape),)
