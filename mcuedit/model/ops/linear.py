# SPDX-License-Identifier: Apache-2.0
"""What convolutions and FULLY_CONNECTED share: exact sums of products, and their requantization."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.model.fixedpoint import quantize_multiplier, requantize
from mcuedit.model.ops.common import constant, limits, operand, require, unclamped
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import INT32, Model, Op, Tensor

_FLOAT32_EXACT = 1 << 24  # whole numbers below are exact in a float32, in any order of summation


def multipliers(model: Model, op: Op) -> list[tuple[int, int]]:
    """(m, s) of each scale of the weights of a convolution or a FULLY_CONNECTED."""
    return [quantize_multiplier(ratio) for ratio in ratios(model, op)]


def int8_weights(model: Model, op: Op, axis: int) -> tuple[Tensor, npt.NDArray[Any]]:
    """The weights of an op and their values.

    Args:
        axis: of the output channels, along which scales may differ.
    """
    data = constant(model, op, 1, "INT8")
    weights = model.tensors[op.inputs[1]]
    channels = data.shape[axis] if -len(data.shape) <= axis < len(data.shape) else 0
    fits = weights.scale.size == 1 or (weights.scale.size == channels and weights.axis == axis % len(data.shape))
    require(fits and channels > 0, op, f"{weights.scale.size} scales of weights of shape {list(data.shape)}")
    return weights, data


def bias(model: Model, op: Op, channels: int) -> IntArray:
    """The bias, zeros without one: int64[channels]."""
    if operand(model, op, 2) is None:
        return np.zeros(channels, np.int64)
    values = constant(model, op, 2, INT32).ravel()
    require(values.size == channels, op, f"{values.size} biases for {channels} channels")
    return values.astype(np.int64)


def exact_type(weights: IntArray) -> type[np.float32] | type[np.float64]:
    """The narrowest float that sums products of int8 and these weights exactly: int64[elements, channels]."""
    return np.float32 if 128 * int(np.abs(weights).sum(axis=0).max(initial=0)) < _FLOAT32_EXACT else np.float64


class Requantization:
    """From int32 sums to an int8 output: bias, multiplier and shift of each channel, zero point, activation.

    Attributes:
        real: float32[channels], int8 steps of the output by steps of the sum.
    """

    def __init__(
        self, op: Op, x: Tensor, y: Tensor, weights: IntArray, bias: IntArray, scales: list[tuple[int, int]]
    ) -> None:
        """weights: int64[elements, channels], as they meet the input; sums are of their products with x."""
        reach = np.abs(weights).sum(axis=0) * max(127 - x.zero, x.zero + 128) + np.abs(bias)
        shifts = [s for m, s in scales if m]
        require(max(shifts, default=0) < 30, op, f"multipliers of up to 2**{max(shifts, default=0)}")
        require(int(reach.max(initial=0)) < 1 << 31, op, "its accumulator can exceed 32 bits")
        self._offset = bias - x.zero * weights.sum(axis=0)
        self._m, self._s = np.array(scales, np.int64).T if len(scales) > 1 else np.array(scales[0], np.int64)
        self._zero, self._limits = y.zero, limits(op, y)
        real = self._m * 2.0 ** (self._s - 31)
        self.real = np.broadcast_to(real, bias.shape).astype(np.float32)

    def __call__(self, total: npt.NDArray[Any]) -> Int8Array:
        """Sums [..., channels] to int8[..., channels]."""
        return requantize(total, self._offset, self._m, self._s, self._zero, self._limits)

    def back(self, grad: FloatArray, y: Int8Array) -> FloatArray:
        """Gradient by the sums from that by the output, both [..., channels]."""
        return unclamped(grad, y, *self._limits) * self.real
