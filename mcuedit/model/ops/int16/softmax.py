# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX of 16-bit elements: exp and the reciprocal by tables with 128 steps between two entries."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import Int16Array, IntArray
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import multiplier, require
from mcuedit.model.ops.int16.common import LEAST, MOST, Wide
from mcuedit.model.tflite import Model, Op

_STEPS = 512
_RANGE = 65535
_MOST_DEPTH = 1 << 15  # exponentials of 15 bits whose sum has 31

Floats = npt.NDArray[np.float32]


def _table(low: np.float32, high: np.float32, curve: Callable[[Floats], Floats]) -> IntArray:
    """A curve at 513 points in Q0.15, each moved by half of what its middle is off; every step in float32."""
    one, half = np.float32(1), np.float32(2)
    out = np.float32(np.float32(2) / np.float32(_RANGE))
    scaling = np.float32(65536) / np.float32(out * np.float32(MOST) - out * np.float32(LEAST))
    step = np.float32((high - low) / np.float32(_STEPS))
    i = np.arange(_STEPS, dtype=np.float32)
    at = (low + i * step).astype(np.float32)
    value, middle = curve(at), curve((at + step / half).astype(np.float32))
    following = curve((low + (i + one) * step).astype(np.float32))
    sample = _rounded(value * scaling)
    between = _rounded((following * scaling + sample) / half)
    off = _rounded((between - _rounded(middle * scaling)) / half)
    last = _rounded(curve(np.array([high], np.float32)) * scaling)
    return np.asarray(np.clip(np.concatenate([sample - off, last]), LEAST, MOST), np.int64)


def _rounded(values: Floats) -> Floats:
    """Halves away from zero."""
    wide = values.astype(np.float64)
    return (np.sign(wide) * np.floor(np.abs(wide) + 0.5)).astype(np.float32)


@cache
def exp_table() -> IntArray:
    """exp from -10 to 0: int64[513]."""
    scale, offset = np.float32(np.float32(10) / np.float32(_RANGE)), MOST
    return _table(*_ends(scale, offset), lambda x: np.exp(x.astype(np.float64)).astype(np.float32))


@cache
def reciprocal_table() -> IntArray:
    """1 / (1 + x) from 0 to 1: int64[513]."""
    scale, offset = np.float32(np.float32(1) / np.float32(_RANGE)), LEAST
    return _table(*_ends(scale, offset), lambda x: (np.float32(1) / (np.float32(1) + x)).astype(np.float32))


def _ends(scale: np.float32, zero: int) -> tuple[np.float32, np.float32]:
    return np.float32(scale * np.float32(LEAST - zero)), np.float32(scale * np.float32(MOST - zero))


def looked_up(values: IntArray, table: IntArray) -> IntArray:
    """A table's curve at int16 values, linear between its entries."""
    at = 256 + (values >> 7)
    return np.asarray(table[at] + (((table[at + 1] - table[at]) * (values & 0x7F) + 64) >> 7))


class Softmax(Wide):
    """Over the last axis.

    Attributes:
        scaling: (m, s) of a difference to 1 / 65535 of 10.
    """

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(op)
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        fits = x.shape == y.shape and len(x.shape) > 0 and 0 < x.shape[-1] <= _MOST_DEPTH
        require(fits, op, f"{list(x.shape)} does not become {list(y.shape)}")
        off = abs(float(y.scale[0]) * 32768 - 1)
        require(off <= 0.001, op, f"an output in steps of {y.scale[0]}, not of 1/32768")
        beta = float(np.float32(op.options.get("beta", 0)))
        require(beta > 0, op, f"beta {beta}")
        self.scaling = multiplier(op, float(x.scale[0]) * beta / (10.0 / 65535.0))
        self._shape = y.shape

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, *shape] -> int16[n, *shape]."""
        x = xs[0].astype(np.int64)
        below = mbqm(x - x.max(axis=-1, keepdims=True), *self.scaling)
        powers = looked_up(np.clip(below + MOST, LEAST, MOST), exp_table())
        total = powers.sum(axis=-1, keepdims=True)
        bits = np.frompyfunc(lambda n: int(n).bit_length(), 1, 1)(total).astype(np.int64)  # 31 less TFLM's headroom
        shifted = ((total << (31 - bits)) + (1 << 13)) >> 14
        part = looked_up(np.clip(shifted - (1 << 15) - (1 << 16), LEAST, MOST), reciprocal_table())
        right = bits - 1
        found = (powers * part + (np.int64(1) << (right - 1))) >> right
        return np.asarray(np.clip(found, 0, MOST), np.int16).reshape(-1, *self._shape)
