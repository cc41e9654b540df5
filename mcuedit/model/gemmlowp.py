# SPDX-License-Identifier: Apache-2.0
"""The fixed-point functions behind SOFTMAX, LOGISTIC and TANH, bit for bit as gemmlowp's, on int64 arrays of int32.

"Qi.f" is a number with i integer and f fractional bits: its raw value divided by 2**f.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mcuedit._util.typing import IntArray

ONE = (1 << 31) - 1  # the largest Q0.31 stands for 1
# exp(-2**k) for k = -2..4, in Q0.31.
_EXP_OF_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def high_mul(a: IntArray | int, b: IntArray | int) -> IntArray:
    """Saturating rounding doubling high multiplication."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    high: IntArray = np.minimum((product + (1 << 30)) >> 31, ONE)
    return high


def rounding_shift(x: IntArray, exponent: IntArray | int) -> IntArray:
    """Division by 2**exponent, ties away from zero."""
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    rounded: IntArray = (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))
    return rounded


def saturating_shift(x: IntArray, exponent: int) -> IntArray:
    """Multiplication by 2**exponent, saturating."""
    return np.asarray(np.clip(x << exponent, -ONE - 1, ONE))


def exp(a: IntArray, integer_bits: int) -> IntArray:
    """exp of non-positive values with up to 5 integer bits, in Q0.31."""
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    reduced = (a & (quarter - 1)) - quarter  # in [-1/4, 0)
    x = saturating_shift(reduced, integer_bits) + (1 << 28)  # around -1/8
    x2 = high_mul(x, x)
    x3, x4 = high_mul(x2, x), high_mul(x2, x2)
    tail = rounding_shift(high_mul(rounding_shift(x4, 2) + x3, 715827883) + x2, 1)  # 1/3
    result = 1895147668 + high_mul(1895147668, x + tail)  # exp(-1/8)
    remainder = reduced - a
    for k, factor in enumerate(_EXP_OF_POWERS[: integer_bits + 2]):
        result = np.where(remainder & (quarter << k), high_mul(result, factor), result)
    return np.where(a == 0, ONE, result)


def _two_over_one_plus(x: IntArray) -> IntArray:
    """2 / (1 + x) for x in [0, 1) as Q0.31, in Q2.29: three Newton steps."""
    half = (x + ONE + 1) >> 1
    estimate = 1515870810 + high_mul(half, -1010580540)  # 48/17 - 32/17 * half
    for _ in range(3):
        error = (1 << 29) - high_mul(half, estimate)
        estimate = estimate + saturating_shift(high_mul(estimate, error), 2)
    return estimate


def one_over_one_plus(x: IntArray) -> IntArray:
    """1 / (1 + x) for x in [0, 1), both Q0.31."""
    return saturating_shift(_two_over_one_plus(x), 1)


@cache
def inverse_sqrt(value: int) -> tuple[int, int]:
    """1 / sqrt(value) of a whole number as m * 2**(s - 31): five Newton steps in Q3.28; 0 counts as 1."""
    if value <= 1:
        return ONE, 0
    shift = 11
    while value >= 1 << 29:
        value //= 4
        shift += 1
    pairs = (31 - value.bit_length()) // 2 - 1
    shift -= pairs
    number = np.asarray(value << 2 * pairs >> 1, np.int64)
    half, x = rounding_shift(number, 1), np.asarray(1 << 28, np.int64)
    for _ in range(5):
        cube = saturating_shift(high_mul(high_mul(x, x), x), 6)
        x = saturating_shift(high_mul((1 << 28) + (1 << 27), x) - high_mul(half, cube), 3)
    m = int(high_mul(x, 1518500250))  # 1 / sqrt(2)
    return (m << -shift, 0) if shift < 0 else (m, -shift)


def logistic(a: IntArray, integer_bits: int) -> IntArray:
    """1 / (1 + exp(-a)) in Q0.31."""
    positive = one_over_one_plus(exp(-np.abs(a), integer_bits))
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, ONE - positive))


def tanh(a: IntArray, integer_bits: int) -> IntArray:
    """tanh(a) in Q0.31; the doubled argument has one integer bit more."""
    size = saturating_shift(_two_over_one_plus(exp(-np.abs(a), integer_bits + 1)) - (1 << 29), 2)
    return np.where(a == 0, 0, np.where(a > 0, size, -size))
