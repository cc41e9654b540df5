# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX, int8 to int8: gemmlowp's fixed-point exponential, as in TFLM's reference kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model import gemmlowp
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.ops.common import require
from mcuedit.model.tflite import Model, Op

_DIFF_BITS = 5  # integer bits of a scaled difference to the maximum
_SUM_BITS = 12  # integer bits of the sum of exponentials


def scaling(beta: float, scale: float) -> tuple[int, int, int]:
    """(multiplier, left shift, smallest difference that counts), as TFLM's PreprocessSoftmaxScaling."""
    real = min(beta * scale * (1 << (31 - _DIFF_BITS)), float(gemmlowp.ONE))
    m, shift = quantize_multiplier(real)
    radius = ((1 << _DIFF_BITS) - 1) * float(1 << (31 - _DIFF_BITS)) / 2.0**shift
    return m, shift, -math.floor(radius)


class Softmax:
    """Over the last axis; output scale 1/256, zero point -128."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        require(x.shape == y.shape and len(x.shape) > 0, op, f"{list(x.shape)} does not become {list(y.shape)}")
        require(float(y.scale[0]) == 1 / 256 and y.zero == -128, op, f"an output of scale {y.scale[0]}, not 1/256")
        beta = float(op.options.get("beta", 0))
        sharp = beta * float(x.scale[0]) * (1 << (31 - _DIFF_BITS))
        require(1 < sharp < math.inf, op, f"beta {beta} with scale {x.scale[0]}")
        self._m, self._shift, self._diff_min = scaling(beta, float(x.scale[0]))
        differences = np.arange(-255, 1, dtype=np.int64)
        scaled = gemmlowp.high_mul(np.maximum(differences, self._diff_min) << self._shift, self._m)
        # By difference + 255.
        self._table = np.where(differences >= self._diff_min, gemmlowp.exp(scaled, _DIFF_BITS), 0)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, ..., classes] -> the same shape."""
        (x,) = xs
        index = x.astype(np.int64) - x.max(axis=-1, keepdims=True) + 255
        exps = self._table[index]
        total = gemmlowp.rounding_shift(exps, _SUM_BITS).sum(axis=-1, keepdims=True)
        zeros = 31 - np.floor(np.log2(total)).astype(np.int64)  # leading zeros of an int32
        scale = gemmlowp.one_over_one_plus((total << zeros) - (1 << 31))
        y = gemmlowp.rounding_shift(gemmlowp.high_mul(scale, exps), _SUM_BITS - zeros + 31 - 8) - 128
        y = np.where(index >= 255 + self._diff_min, y, -128)
        return np.clip(y, -128, 127).astype(np.int8)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32 gradient by the real softmax, output steps of 1/256."""
        p = (y.astype(np.float32) + 128) / 256
        inner = (grad * p).sum(axis=-1, keepdims=True)
        real_scale = self._m * 2.0 ** (self._shift - 31 - (31 - _DIFF_BITS)) * 256
        return ((p * (grad - inner) * np.float32(real_scale)).astype(np.float32),)
