# SPDX-License-Identifier: Apache-2.0
"""Sigmoid and tanh of int16, interpolated in one table, as TFLM's kernels for 16 bits."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import IntArray

# 65536 / (1 + exp(-i / 24)), rounded, but that TFLM's table has one more at these places.
_ONE_MORE = (
    "4 8 12 14 15 16 17 19 20 21 22 25 27 28 29 30 31 33 34 35 37 39 40 41 43 44 45 46 49 50 54 62 63 64 66 82 86 93 "
    "100 103 112 116 135 255"
)


def _table() -> IntArray:
    exact = 65536 / (1 + np.exp(-np.arange(256) / 24))
    found = np.minimum(np.floor(exact + 0.5), 65535).astype(np.int64)
    found[[int(i) for i in _ONE_MORE.split()]] += 1
    return found


TABLE = _table()  # int64[256], each a uint16
_LAST = 255  # index from which on a curve is flat


def sigmoid(x: IntArray) -> IntArray:
    """Q3.12 -> Q0.15."""
    scaled = 3 * x
    size = np.abs(scaled)
    index = size >> 9
    inner = np.minimum(index, _LAST - 1)
    value = (TABLE[inner] << 9) + (size & 0x1FF) * (TABLE[inner + 1] - TABLE[inner])
    value = np.where(index >= _LAST, 0x7FFF << 10, value)
    shifted: IntArray = np.where(scaled >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10
    return shifted


def tanh(x: IntArray, power: int) -> IntArray:
    """int16 in steps of 2**power -> Q0.15."""
    left = power + 12
    scaled = 3 * x << left if left >= 0 else 3 * x + (1 << -left - 1) >> -left
    size = np.abs(scaled)
    index = size >> 8
    inner = np.minimum(index, _LAST - 1)
    value = (TABLE[inner] << 8) + (size & 0xFF) * (TABLE[inner + 1] - TABLE[inner])
    value = np.where(index >= _LAST, 0xFFFF << 8, value)
    shifted: IntArray = np.where(scaled >= 0, value - (1 << 23) + (1 << 7), -value + (1 << 23) + (1 << 7) - 1) >> 8
    return shifted
