# SPDX-License-Identifier: Apache-2.0
"""Ops that map each byte to a byte: QUANTIZE, RELU, RELU6, LEAKY_RELU, LOGISTIC, TANH, HARD_SWISH, and `curves`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.model import gemmlowp
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import multiplier, require, unclamped
from mcuedit.model.ops.elementwise.curves import Made, absolute, elu, rsqrt
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import Model, Op, Tensor

Make = Callable[[Model, Op, Tensor, Tensor], Made]

_INPUTS = np.arange(-128, 128, dtype=np.int64)
_INTEGER_BITS = 4  # of the argument of LOGISTIC and TANH
_MOST_SHIFT = 31
_LEAST_SCALE = 2.0**-28  # of an input that RELU6 cuts at 6


class Table:
    """An exact table of 256 outputs.

    Attributes:
        table: int8[256], the output for input i - 128 at i.
    """

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        require(len(op.inputs) == 1 and x.size == y.size, op, f"{list(x.shape)} does not become {list(y.shape)}")
        values, slope, self._limits = _MAKERS[op.kind](model, op, x, y)
        self.table: Int8Array = np.clip(values, *self._limits).astype(np.int8)
        self._by_byte = np.roll(self.table, 128)
        self._slope = np.roll(slope, 128).astype(np.float32)
        self._shape = y.shape

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        return self._by_byte[xs[0].view(np.uint8)].reshape(-1, *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input], by the slope of the real function."""
        (x,) = xs
        return (unclamped(grad, y, *self._limits).reshape(x.shape) * self._slope[x.view(np.uint8)],)


def _quantize(_: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    ratio = float(x.scale[0]) / float(y.scale[0])
    return mbqm(_INPUTS - x.zero, *multiplier(op, ratio)) + y.zero, np.full(256, ratio), (-128, 127)


def _relu(model: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    (ratio,) = ratios(model, op)
    return mbqm(_INPUTS - x.zero, *multiplier(op, ratio)) + y.zero, np.full(256, ratio), (y.zero, 127)


def _relu6(_: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    """Clamps bytes by the input's quantization and takes no notice of the output's."""
    require(float(x.scale[0]) > _LEAST_SCALE, op, f"steps of {x.scale[0]}")
    top = math.floor(float(np.float32(6) / x.scale[0]) + 0.5) + x.zero
    return _INPUTS, np.ones(256), (x.zero, min(127, top))


def _leaky_relu(model: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    alpha = np.float32(op.options.get("alpha", 0))
    above, below = ratios(model, op)
    require(math.isfinite(below), op, f"alpha {alpha}")
    values = _INPUTS - x.zero
    negative = mbqm(values, *(multiplier(op, abs(below)) if below else (0, 0))) * (-1 if below < 0 else 1)
    found = np.where(values >= 0, mbqm(values, *multiplier(op, above)), negative) + y.zero
    return found, np.where(values >= 0, above, below), (-128, 127)


def _argument(op: Op, x: Tensor) -> tuple[IntArray, IntArray]:
    """Inputs as numbers of 4 integer bits, and -1, 0 or 1 where they lie below, in or above what these can hold."""
    fraction, shift = math.frexp(float(x.scale[0]) * (1 << (31 - _INTEGER_BITS)))
    require(0 <= shift <= 62, op, f"scale {float(x.scale[0])}")
    radius = math.floor(((1 << _INTEGER_BITS) - 1) * (1 << (31 - _INTEGER_BITS)) / (1 << shift))
    values = _INPUTS - x.zero
    beyond = np.where(values <= -radius, -1, np.where(values >= radius, 1, 0))
    inside = np.where(beyond == 0, values, 0)
    return mbqm(inside, round(fraction * (1 << 31)), min(shift, _MOST_SHIFT - 1)), beyond


def _logistic(_: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    require(y.zero == -128, op, f"an output with zero point {y.zero}")
    argument, beyond = _argument(op, x)
    found = gemmlowp.rounding_shift(gemmlowp.logistic(argument, _INTEGER_BITS), 31 - 8) - 128
    p = 1 / (1 + np.exp(-np.clip((_INPUTS - x.zero) * float(x.scale[0]), -80, 80)))
    return np.choose(beyond + 1, [-128, found, 127]), p * (1 - p) * float(x.scale[0]) * 256, (-128, 127)


def _tanh(_: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    argument, beyond = _argument(op, x)
    found = gemmlowp.rounding_shift(gemmlowp.tanh(argument, _INTEGER_BITS), 31 - 7)
    slope = 1 - np.tanh((_INPUTS - x.zero) * float(x.scale[0])) ** 2
    return np.choose(beyond + 1, [-128, found, 127]), slope * float(x.scale[0]) * 128, (-128, 127)


def _int16_multiplier(m: int) -> int:
    """A multiplier's upper half, rounded, saturating."""
    return min((m + (1 << 15)) >> 16, (1 << 15) - 1)


def _int16_shift(x: IntArray, exponent: int) -> IntArray:
    """Rounding division of int16 by 2**exponent; the mask is an int16 too, which shows beyond 15."""
    mask = np.asarray((1 << exponent) - 1).astype(np.int16).astype(np.int64)
    rounded: IntArray = (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))
    return rounded


def _hard_swish(model: Model, op: Op, x: Tensor, y: Tensor) -> Made:
    """x * clamp(x + 3, 0, 6) / 6 in int16 arithmetic, each product cut to its upper half."""
    (m, exponent), (m_gate, gate_exponent) = (multiplier(op, ratio) for ratio in ratios(model, op))
    require(exponent <= 0 and gate_exponent <= _MOST_SHIFT, op, f"scales {x.scale[0]} and {y.scale[0]}")
    top = (1 << 15) - 1
    values = (_INPUTS - x.zero) << 7
    linear = (values * _int16_multiplier(m) + (1 << 14)) >> 15
    gate = np.clip(values << max(gate_exponent - 1, 0), -top - 1, top)
    gate = (gate * _int16_multiplier(m_gate) + (1 << 14)) >> 15
    if gate_exponent > 0:
        gate = np.clip(gate << 1, -top - 1, top)
    gate = _int16_shift(gate, max(-gate_exponent, 0)) + (1 << 15) >> 1  # from [-1, 1) to [0, 1)
    product = gate * linear
    product = np.where(product >= 0, product >> 15, -(-product >> 15))
    found = (_int16_shift(product, -exponent) + y.zero).astype(np.int16).astype(np.int64)
    real = (_INPUTS - x.zero) * float(x.scale[0])
    slope = np.where(real <= -3, 0.0, np.where(real >= 3, 1.0, (2 * real + 3) / 6))
    return found, slope * float(x.scale[0]) / float(y.scale[0]), (-128, 127)


_MAKERS: dict[str, Make] = {
    "ABS": absolute,
    "ELU": elu,
    "HARD_SWISH": _hard_swish,
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _logistic,
    "QUANTIZE": _quantize,
    "RELU": _relu,
    "RELU6": _relu6,
    "RSQRT": rsqrt,
    "TANH": _tanh,
}
