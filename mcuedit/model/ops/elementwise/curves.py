# SPDX-License-Identifier: Apache-2.0
"""Tables of ABS, ELU and RSQRT."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import DoubleArray, IntArray
from mcuedit.model import gemmlowp
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import multiplier, require
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import Model, Op, Tensor

Made = tuple[IntArray, DoubleArray, tuple[int, int]]  # values, slope, limits

_INPUTS = np.arange(-128, 128, dtype=np.int64)
_LIMITS = (-128, 127)
ROOT_SHIFT = 20  # fraction bits of a root before it is rescaled
_MOST_RATIO = 2.0**22  # of scales of an ELU: its table is made in float32, whose int32 must hold it


def absolute(model: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    """|x|; rescaled only where scales differ."""
    values = _INPUTS - x.zero
    (ratio,) = ratios(model, op)
    found = np.abs(values) if x.scale[0] == y.scale[0] else mbqm(np.abs(values), *multiplier(op, ratio))
    return found + y.zero, np.where(values < 0, -ratio, ratio), _LIMITS


def elu(_: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    """exp(x) - 1 below 0, in float32 as TFLM makes its table."""
    one = np.float32(1)
    require(float(x.scale[0]) / float(y.scale[0]) < _MOST_RATIO, op, f"scales {x.scale[0]} and {y.scale[0]}")
    with np.errstate(over="ignore"):
        real = x.scale[0] * (_INPUTS - x.zero).astype(np.float32)
        low = np.exp(np.minimum(real, 0).astype(np.float64)).astype(np.float32) - one
        steps = np.where(real < 0, low, real).astype(np.float32) * (one / y.scale[0])
    require(bool(np.isfinite(steps).all()), op, f"scales {x.scale[0]} and {y.scale[0]}")
    rounded = np.trunc(steps + np.copysign(np.float32(0.5), steps)).astype(np.float32)
    found = (rounded + np.float32(y.zero)).astype(np.int64)
    slope = np.where(real < 0, np.exp(np.minimum(real, 0).astype(np.float64)), 1)
    return found, slope * float(x.scale[0]) / float(y.scale[0]), _LIMITS


def rsqrt(model: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    """1 / sqrt(x); 0 gives the largest value, and there is nothing below 0."""
    require(x.zero == -128, op, f"an input with zero point {x.zero}: values below it have no root")
    (ratio,) = ratios(model, op)
    m, s = multiplier(op, ratio)
    require(s >= -31 + ROOT_SHIFT, op, f"scales {x.scale[0]} and {y.scale[0]}")
    found = np.full(256, 127 - y.zero, np.int64)
    roots = np.array([gemmlowp.inverse_sqrt(value) for value in range(1, 256)])
    ones = np.ones(len(roots), np.int64)
    found[1:] = mbqm(mbqm(ones, roots[:, 0], roots[:, 1] + ROOT_SHIFT), m, s - ROOT_SHIFT)
    values = np.maximum(_INPUTS + 128, 1).astype(np.float64)
    slope = -0.5 * values**-1.5 / (np.sqrt(float(x.scale[0])) * float(y.scale[0]))
    return found + y.zero, np.where(_INPUTS == -128, 0.0, slope), _LIMITS
