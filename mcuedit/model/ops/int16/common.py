# SPDX-License-Identifier: Apache-2.0
"""What ops with 16-bit activations share: their fixed-point multiplication, ranges, requantization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import AnyIntArray, FloatArray, Int8Array, Int16Array, IntArray
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import limits, refusal, require
from mcuedit.model.tflite import Model, Op, Tensor

LEAST, MOST = -(1 << 15), (1 << 15) - 1
MOST_SHIFT = 7  # of a multiplier of a 64-bit sum
_INT32_TYPE = 2  # of TFLite's TensorType


class Wide:
    """An op that no delta is trained through: taps and targets are int8 tensors, and so is all between them."""

    def __init__(self, op: Op) -> None:
        self._op = op

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> NoReturn:
        """See `Operator`."""
        raise no_gradient(self._op)


def no_gradient(op: Op) -> McueditError:
    """The error about an op with 16-bit activations behind a target."""
    return refusal(
        op, "no delta is trained through 16-bit activations", "choose a later target, one behind which all is int8"
    )


def halved(m: AnyIntArray | int) -> IntArray:
    """The 16 upper bits of a multiplier, rounded; at most 2**15 - 1."""
    wide = np.asarray(m, np.int64)
    return np.where(wide < 0x7FFF0000, (wide + (1 << 15)) >> 16, MOST)


def mbqm64(x: IntArray, m: AnyIntArray | int, s: AnyIntArray | int) -> IntArray:
    """TFLM's MultiplyByQuantizedMultiplier of a 64-bit sum: one rounding, by 16 bits of the multiplier.

    Args:
        x: |x| < 2**47. m: in [0, 2**31). s: in [-31, 7].

    Returns:
        int64 array of int32 values, to which the result wraps.
    """
    total = 15 - np.asarray(s, np.int64)
    found = (x * halved(m) + (np.int64(1) << (total - 1))) >> total
    return found.astype(np.int32).astype(np.int64)


class Requantization:
    """From sums of products to an int16 output: bias, multiplier and shift of each channel, activation.

    Attributes:
        long: sums have 64 bits, as with a bias of INT64 or none; with one of INT32 they have 32, and are rounded twice.
    """

    def __init__(self, op: Op, y: Tensor, reach: IntArray, scales: Sequence[tuple[int, int]], long: bool) -> None:
        """reach: int64[channels], above any |sum| that can be on the way to a channel's output."""
        self.long = long
        shifts = [s for m, s in scales if m]
        most = MOST_SHIFT if long else 29
        require(max(shifts, default=0) <= most, op, f"multipliers of up to 2**{max(shifts, default=0)}")
        bits = 48 if long else 32
        require(int(reach.max(initial=0)) < 1 << (bits - 1), op, f"its accumulator can exceed {bits} bits")
        self._m, self._s = np.array(scales, np.int64).T if len(scales) > 1 else np.array(scales[0], np.int64)
        self._limits, self._zero = limits(op, y), y.zero

    def __call__(self, sums: IntArray) -> Int16Array:
        """int64[..., channels] with their biases to int16[..., channels]."""
        found = mbqm64(sums, self._m, self._s) if self.long else mbqm(sums, self._m, self._s)
        return np.clip(found + self._zero, *self._limits).astype(np.int16)


def bias(model: Model, op: Op, channels: int) -> tuple[IntArray, bool]:
    """int64[channels], zeros without one, and whether sums have 64 bits.

    Raises:
        McueditError: it is no constant of INT64 or INT32, or of another size.
    """
    index = op.inputs[2] if len(op.inputs) > 2 else -1
    if index < 0:
        return np.zeros(channels, np.int64), int(op.options.get("quantizedBiasType", 0)) != _INT32_TYPE
    tensor = model.tensors[index]
    known = tensor.data is not None and tensor.dtype in ("INT32", "INT64")
    require(known, op, f"its bias is {tensor.dtype}{'' if tensor.data is None else ' constant'}, no constant INT64")
    values: npt.NDArray[Any] = np.asarray(tensor.data).ravel()
    require(values.size == channels, op, f"{values.size} biases for {channels} channels")
    return values.astype(np.int64), tensor.dtype == "INT64"
