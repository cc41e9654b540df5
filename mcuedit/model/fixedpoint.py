# SPDX-License-Identifier: Apache-2.0
"""TFLM's fixed-point multiplication, on numpy arrays (SPEC.md, section 1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import AnyIntArray, Int8Array, IntArray

_PIECE = 1 << 15  # elements: 256 KB of int64
_NARROW = 16


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


def mbqm(x: AnyIntArray, m: AnyIntArray | int, s: AnyIntArray | int) -> IntArray:
    """MultiplyByQuantizedMultiplier with double rounding.

    Args:
        x: int32 values, any shape.
        m: multiplier in [0, 2**31), broadcast against x.
        s: shift in [-31, 30], broadcast against x; a left shift wraps.

    Returns:
        int64 array of int32 values.
    """
    shape = np.broadcast_shapes(np.shape(x), np.shape(m), np.shape(s))
    values = np.array(np.broadcast_to(np.asarray(x), shape), np.int64)
    _scale(values, np.asarray(m, np.int64), np.asarray(s, np.int64))
    return values


def requantize(
    total: npt.NDArray[Any],
    offset: AnyIntArray | int,
    m: AnyIntArray | int,
    s: AnyIntArray | int,
    zero: int,
    limits: tuple[int, int],
) -> Int8Array:
    """clamp(zero + MBQM(total + offset, m, s)), in pieces that stay in the cache.

    Args:
        total: whole numbers of any type, int32 values once offset is added: [..., channels].
        offset, m, s: one for all or int64[channels]; ranges as in `mbqm`.
        zero, limits: of the output.

    Returns:
        int8[..., channels]
    """
    out = np.empty(total.shape, np.int8)
    channels = total.shape[-1]
    rows, flat = total.reshape(-1, channels), out.reshape(-1, channels)
    step = max(1, _PIECE // channels)
    per_channel = [np.asarray(v, np.int64) for v in (offset, m, s)]
    if channels < _NARROW:  # numpy's loop over so short an axis costs more than its arithmetic
        per_channel = [np.tile(v, (step, 1)) if v.size > 1 else v for v in per_channel]
    for start in range(0, len(rows), step):
        piece = rows[start : start + step].astype(np.int64)
        offsets, ms, shifts = (v[: len(piece)] if v.ndim == 2 else v for v in per_channel)
        piece += offsets
        _scale(piece, ms, shifts)
        piece += zero
        flat[start : start + step] = np.clip(piece, *limits, out=piece)
    return out


def _scale(x: IntArray, m: IntArray, s: IntArray) -> None:
    """`mbqm` in place."""
    if (s > 0).any():
        x[...] = (x << np.maximum(s, 0)).astype(np.int32)
    x *= m
    x += 1 << 30  # gemmlowp nudges by the sign and truncates, which is the same as this and a floor
    x >>= 31
    right = np.maximum(-s, 0)
    if right.any():
        half = (np.int64(1) << right) >> 1
        x += (x >> 63) & np.minimum(half, 1) * -1  # ties away from zero
        x += half
        x >>= right


def dot(x: Int8Array, a: Int8Array) -> IntArray:
    """Exact products of int8 rows: int8[..., n] and int8[r, n] to int64[..., r].

    BLAS knows no integers, but every partial sum of at most 2**10 products fits a float32's mantissa, and a float64's
    for any length that occurs.
    """
    exact = np.float32 if a.shape[1] <= 1 << 10 else np.float64
    return np.asarray((x.astype(exact) @ a.T.astype(exact)).astype(np.int64))
