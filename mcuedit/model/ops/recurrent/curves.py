# SPDX-License-Identifier: Apache-2.0
"""Sigmoid and tanh of int16, interpolated in one table, as TFLM's kernels for 16 bits."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import IntArray

_LAST = 255  # index from which on a curve is flat


def _table() -> IntArray:
    """65536 / (1 + exp(-i / 24)), moved by half of what the line to the next is off in its middle, and rounded."""
    exact = 65536 / (1 + np.exp(-np.arange(2 * _LAST + 3) / 48))
    at, between, after = exact[:-2:2], exact[1::2], exact[2::2]
    found = np.floor(at + (between - (at + after) / 2) / 2 + 0.5).astype(np.int64)
    found[_LAST] = 65535
    return found


TABLE = _table()  # int64[256], each a uint16


def _between(size: IntArray, bits: int) -> IntArray:
    """The curve at multiples of 2**-bits of a step, in 16 + bits bits."""
    at = np.minimum(size >> bits, _LAST - 1)
    found: IntArray = (TABLE[at] << bits) + (size & ((1 << bits) - 1)) * (TABLE[at + 1] - TABLE[at])
    return found


def sigmoid(x: IntArray) -> IntArray:
    """Q3.12 -> Q0.15."""
    return scaled_sigmoid(3 * x)


def scaled_sigmoid(x: IntArray) -> IntArray:
    """Steps of 1 / (3 * 4096) -> Q0.15."""
    value = np.where(np.abs(x) >> 9 >= _LAST, 0x7FFF << 10, _between(np.abs(x), 9))
    shifted: IntArray = np.where(x >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10
    return shifted


def tanh(x: IntArray, power: int) -> IntArray:
    """int16 in steps of 2**power -> Q0.15."""
    left = power + 12
    return scaled_tanh(3 * x << left if left >= 0 else 3 * x + (1 << -left - 1) >> -left)


def scaled_tanh(x: IntArray) -> IntArray:
    """Steps of 1 / (3 * 4096) -> Q0.15."""
    value = np.where(np.abs(x) >> 8 >= _LAST, 0xFFFF << 8, _between(np.abs(x), 8))
    shifted: IntArray = np.where(x >= 0, value - (1 << 23) + (1 << 7), -value + (1 << 23) + (1 << 7) - 1) >> 8
    return shifted
