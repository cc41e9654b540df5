# SPDX-License-Identifier: Apache-2.0
"""TFLM's fixed-point multiplication, on numpy arrays (SPEC.md, section 1)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer]


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Splits a positive real factor into `m * 2**(s - 31)`, as TFLM's QuantizeMultiplier.

    Returns:
        (m, s) with m = 0 or 2**30 <= m < 2**31; s > 0 shifts left.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    m = math.floor(fraction * (1 << 31) + 0.5)  # C round(): the argument is positive
    if m == 1 << 31:
        m //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return (1 << 31) - 1, 30
    return m, shift


def mbqm(x: IntArray, m: IntArray | int, s: IntArray | int) -> npt.NDArray[np.int64]:
    """MultiplyByQuantizedMultiplier with double rounding.

    Args:
        x: int32 values, any shape.
        m: multiplier, 0 or in [2**30, 2**31), broadcast against x.
        s: shift in [-31, 30], broadcast against x.

    Returns:
        int64 array of int32 values.
    """
    shift = np.asarray(s, np.int64)
    left = np.maximum(shift, 0)
    right = np.maximum(-shift, 0)
    product = (np.asarray(x, np.int64) << left) * np.asarray(m, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))  # C division truncates
    mask = (np.int64(1) << right) - 1
    threshold = (mask >> 1) + (high < 0)
    rounded: npt.NDArray[np.int64] = (high >> right) + ((high & mask) > threshold)
    return rounded


def dot(x: npt.NDArray[np.int8], a: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Exact products of int8 rows: int8[..., n] and int8[r, n] to int64[..., r].

    BLAS knows no integers, but every partial sum of at most 2**10 products fits a float32's mantissa, and a float64's
    for any length that occurs.
    """
    exact = np.float32 if a.shape[1] <= 1 << 10 else np.float64
    return np.asarray((x.astype(exact) @ a.T.astype(exact)).astype(np.int64))
