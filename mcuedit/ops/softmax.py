# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX, int8 to int8: gemmlowp's fixed-point exponential, as in TFLM's reference kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mcuedit.fixedpoint import quantize_multiplier
from mcuedit.model import Model, Op
from mcuedit.ops import FloatArray, Int8Array

Int64Array = npt.NDArray[np.int64]
_DIFF_BITS = 5  # integer bits of a scaled difference to the maximum
_SUM_BITS = 12  # integer bits of the sum of exponentials
_ONE = (1 << 31) - 1
# exp(-2**k) for k = -2..4, in Q0.31.
_EXP_OF_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def scaling(beta: float, scale: float) -> tuple[int, int, int]:
    """(multiplier, left shift, smallest difference that counts), as TFLM's PreprocessSoftmaxScaling."""
    real = min(beta * scale * (1 << (31 - _DIFF_BITS)), float(_ONE))
    m, shift = quantize_multiplier(real)
    radius = ((1 << _DIFF_BITS) - 1) * float(1 << (31 - _DIFF_BITS)) / 2.0**shift
    return m, shift, -math.floor(radius)


def _srdhm(a: Int64Array | int, b: Int64Array | int) -> Int64Array:
    """Saturating rounding doubling high multiplication of int32 values."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    return np.minimum(np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31)), _ONE)


def _rounding_shift(x: Int64Array, exponent: Int64Array | int) -> Int64Array:
    """Division by 2**exponent, ties away from zero."""
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    rounded: Int64Array = (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))
    return rounded


def _saturating_shift(x: Int64Array, exponent: int) -> Int64Array:
    """Multiplication by 2**exponent, saturating."""
    return np.asarray(np.clip(x << exponent, -_ONE - 1, _ONE))


def _exp(a: Int64Array) -> Int64Array:
    """exp of non-positive Q5.26 values, in Q0.31."""
    quarter = 1 << 24
    reduced = (a & (quarter - 1)) - quarter  # in [-1/4, 0)
    x = _saturating_shift(reduced, _DIFF_BITS) + (1 << 28)  # around -1/8
    x2 = _srdhm(x, x)
    x3, x4 = _srdhm(x2, x), _srdhm(x2, x2)
    tail = _rounding_shift(_srdhm(_rounding_shift(x4, 2) + x3, 715827883) + x2, 1)  # 1/3
    result = 1895147668 + _srdhm(1895147668, x + tail)  # exp(-1/8)
    remainder = reduced - a
    for k, factor in enumerate(_EXP_OF_POWERS):
        result = np.where(remainder & (1 << (24 + k)), _srdhm(result, factor), result)
    return np.where(a == 0, _ONE, result)


def _reciprocal(x: Int64Array) -> Int64Array:
    """1 / (1 + x) for x in [0, 1), Q0.31, by three Newton steps."""
    total = x + _ONE
    half = (total + 1) // 2
    estimate = 1515870810 + _srdhm(half, -1010580540)  # 48/17 - 32/17 * half, Q2.29
    for _ in range(3):
        error = (1 << 29) - _srdhm(half, estimate)
        estimate = estimate + _saturating_shift(_srdhm(estimate, error), 2)
    return _saturating_shift(estimate, 1)


class Softmax:
    """Over the last axis; output scale 1/256, zero point -128."""

    def __init__(self, model: Model, op: Op) -> None:
        x = model.tensors[op.inputs[0]]
        self._m, self._shift, self._diff_min = scaling(float(op.options["beta"]), float(x.scale[0]))
        differences = np.arange(-255, 1, dtype=np.int64)
        scaled = _srdhm(np.maximum(differences, self._diff_min) << self._shift, self._m)
        self._table = np.where(differences >= self._diff_min, _exp(scaled), 0)  # by difference + 255

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, ..., classes] -> the same shape."""
        (x,) = xs
        index = x.astype(np.int64) - x.max(axis=-1, keepdims=True) + 255
        exps = self._table[index]
        total = _rounding_shift(exps, _SUM_BITS).sum(axis=-1, keepdims=True)
        zeros = 31 - np.floor(np.log2(total)).astype(np.int64)  # leading zeros of an int32
        scale = _reciprocal((total << zeros) - (1 << 31))
        y = _rounding_shift(_srdhm(scale, exps), _SUM_BITS - zeros + 31 - 8) - 128
        y = np.where(index >= 255 + self._diff_min, y, -128)
        return np.clip(y, -128, 127).astype(np.int8)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32 gradient by the real softmax, output steps of 1/256."""
        p = (y.astype(np.float32) + 128) / 256
        inner = (grad * p).sum(axis=-1, keepdims=True)
        real_scale = self._m * 2.0 ** (self._shift - 31 - (31 - _DIFF_BITS)) * 256
        return ((p * (grad - inner) * np.float32(real_scale)).astype(np.float32),)
