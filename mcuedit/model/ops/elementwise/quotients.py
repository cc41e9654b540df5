# SPDX-License-Identifier: Apache-2.0
"""SQUARED_DIFFERENCE, DIV and PRELU, int8, broadcasting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, Int32Array, IntArray
from mcuedit.model import gemmlowp
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier, requantize
from mcuedit.model.ops.common import multiplier, refusal, require, unclamped
from mcuedit.model.ops.elementwise.binary import Binary, rescaled
from mcuedit.model.scales import SQUARED_SHIFT, ratios
from mcuedit.model.tflite import Model, Op

_MOST_HEADROOM, _LEAST_HEADROOM = 31, 23  # leading sign bits of a difference of two bytes, beside the sign
_NO_DIVISOR = 1  # what a divisor of 0, which TFLM leaves undefined, counts as


def squared_multipliers(model: Model, op: Op) -> tuple[tuple[int, int], ...]:
    """(m, s) of both operands and of the output of a SQUARED_DIFFERENCE."""
    a, b, out = ratios(model, op)
    require(0 < a < 1 and 0 < b < 1, op, "scales that are too far apart")
    return quantize_multiplier(a), quantize_multiplier(b), multiplier(op, out)


class SquaredDifference(Binary):
    """Operands rescaled to shares of twice the larger scale, subtracted, squared and rescaled once more."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        *own, self._scaling = squared_multipliers(model, op)
        self._tables = [rescaled(side, SQUARED_SHIFT, *by) for side, by in zip(self._sides, own, strict=True)]

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live operand -> int8[n, *output]."""
        a, b = (t[x.view(np.uint8)] for t, x in zip(self._tables, self._operands(xs), strict=True))
        difference = a - b
        y = requantize(difference * difference, 0, *self._scaling, self._y.zero, self._limits)
        return y.reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live operand."""
        free = unclamped(grad, y, *self._limits).reshape(-1, *self._out)
        sides = zip(self._sides, self._operands(xs), strict=True)
        a, b = ((x.astype(np.float32) - np.float32(side.zero)) * side.scale[0] for side, x in sides)
        twice = free * 2 * (a - b) / self._y.scale[0]
        return self._back([twice * self._sides[0].scale[0], -twice * self._sides[1].scale[0]], xs)


def reciprocals(model: Model, op: Op) -> tuple[Int32Array, IntArray, int]:
    """What a DIV multiplies by, by the divisor's byte less -128.

    Returns:
        int32[256] reciprocals in Q0.31, negative for negative divisors; int64[256] shifts before the dividend's
        headroom is taken off; the multiplier.
    """
    a, b, y = (model.tensors[i] for i in (*op.inputs, op.outputs[0]))
    (ratio,) = ratios(model, op)
    m, shift = multiplier(op, ratio)
    divisors = np.arange(-128, 128) - b.zero
    if b.data is not None:
        used = np.isin(np.arange(-128, 128), b.data)
        require(bool(divisors[used].all()), op, "a divisor of 0")
        divisors = np.where(used, divisors, _NO_DIVISOR)
    size = np.maximum(np.abs(divisors), _NO_DIVISOR)
    zeros = 31 - np.floor(np.log2(size)).astype(np.int64)  # leading zeros of an int32
    found = gemmlowp.one_over_one_plus((size << zeros) - (1 << 31))
    shifts = shift - (31 - zeros)
    if shifts.min() < 0 or shifts.max() > _LEAST_HEADROOM:
        raise refusal(
            op,
            f"scales {a.scale[0]}, {b.scale[0]} and {y.scale[0]}: "
            f"TensorFlow Lite Micro would shift a small quotient by more than {_MOST_HEADROOM} bits",
            "multiply by the reciprocal instead, or leave the division in float",
        )
    return np.where(divisors < 0, -found, found).astype(np.int32), shifts, m


class Div(Binary):
    """Quotients of bytes by reciprocals in Q0.31."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        found, shifts, m = reciprocals(model, op)
        dividend = np.arange(-128, 128)[:, None] - self._sides[0].zero
        dividend = np.where(found < 0, -dividend, dividend).astype(np.int64)
        size = np.where(dividend < 0, -dividend - 1, dividend)
        used = np.floor(np.log2(np.maximum(size, 1))).astype(np.int64) + (size > 0)
        headroom = 31 - used
        high = gemmlowp.high_mul(dividend << headroom, np.abs(found.astype(np.int64)))
        shift = np.where(dividend == 0, 0, shifts - headroom)
        quotient = mbqm(high, m, shift) + self._y.zero
        self._table = np.clip(quotient, *self._limits).astype(np.int8)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live operand -> int8[n, *output]."""
        a, b = (x.astype(np.int64) + 128 for x in self._operands(xs))
        return np.asarray(self._table[a, b]).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live operand."""
        free = unclamped(grad, y, *self._limits).reshape(-1, *self._out)
        sides = zip(self._sides, self._operands(xs), strict=True)
        a, b = (x.astype(np.float32) - np.float32(side.zero) for side, x in sides)
        b = np.where(b == 0, np.float32(_NO_DIVISOR), b)
        slope = np.float32(self._sides[0].scale[0] / self._sides[1].scale[0] / self._y.scale[0])
        by_a = np.asarray(free * slope / b, np.float32)
        return self._back([by_a, np.asarray(-by_a * a / b, np.float32)], xs)


def prelu_multipliers(model: Model, op: Op) -> tuple[tuple[int, int], tuple[int, int]]:
    """(m, s) of what is not negative, and of a negative value times its slope."""
    above, below = ratios(model, op)
    return multiplier(op, above), multiplier(op, below)


class Prelu(Binary):
    """A negative value is multiplied by the slope of its place."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        self._above, self._below = prelu_multipliers(model, op)
        require(self._out == self._full[0], op, f"slopes {list(self._full[1])} for {list(self._full[0])}")

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live operand -> int8[n, *output]."""
        x, slope = self._centred(xs)
        y = np.where(x >= 0, mbqm(x, *self._above), mbqm(x * slope, *self._below)) + self._y.zero
        return np.asarray(np.clip(y, *self._limits).astype(np.int8)).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live operand."""
        free = unclamped(grad, y, *self._limits).reshape(-1, *self._out)
        x, slope = (side.astype(np.float32) for side in self._centred(xs))
        above = np.float32(self._sides[0].scale[0] / self._y.scale[0])
        below = above * self._sides[1].scale[0]
        to_slope = np.where(x >= 0, np.float32(0), free * below * x)
        return self._back([np.where(x >= 0, free * above, free * below * slope), to_slope], xs)
