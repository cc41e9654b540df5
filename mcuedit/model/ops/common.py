# SPDX-License-Identifier: Apache-2.0
"""What the ops have in common: operands that may be wrong, fused activations, clamps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.adaptable import activation_range
from mcuedit.model.causes import AGAIN
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.tflite import INT8, INT16, INT32, Model, Op, Tensor

RANGES = {INT8: (-128, 127), INT16: (-(1 << 15), (1 << 15) - 1)}  # of activations
_LEAST_SCALE = 2.0**-28  # below, TFLM's int32 cannot hold an activation's bound of 6
_LEAK = 0.1  # share of a gradient that leads a clamped value back into range


def refusal(op: Op, what: str, hint: str = AGAIN) -> McueditError:
    """The error about an op that TFLM refuses as well, or that no converter makes."""
    return McueditError(f"op {op.index} {op.kind}: {what}", hint)


def require(condition: bool, op: Op, what: str) -> None:
    """Raises `refusal` unless the condition holds."""
    if not condition:
        raise refusal(op, what)


def operand(model: Model, op: Op, position: int) -> Tensor | None:
    """Input tensor at a position; None where there is none."""
    index = op.inputs[position] if position < len(op.inputs) else -1
    return model.tensors[index] if index >= 0 else None


def constant(model: Model, op: Op, position: int, dtype: str) -> npt.NDArray[Any]:
    """Values of a constant operand.

    Raises:
        McueditError: it is missing, no constant, or of another type.
    """
    tensor = operand(model, op, position)
    if tensor is None or tensor.data is None or tensor.dtype != dtype:
        found = "missing" if tensor is None else f"{tensor.dtype}{'' if tensor.data is None else ' constant'}"
        raise refusal(op, f"operand {position} is {found}, not a constant {dtype}")
    return tensor.data


def integers(model: Model, op: Op, position: int) -> list[int]:
    """Values of a constant int32 operand, such as axes or paddings."""
    return [int(v) for v in constant(model, op, position, INT32).ravel()]


def same_quantization(x: Tensor, y: Tensor) -> bool:
    """Whether bytes mean the same in both tensors."""
    return float(x.scale[0]) == float(y.scale[0]) and x.zero == y.zero


def multiplier(op: Op, real: float) -> tuple[int, int]:
    """(m, s) of a positive ratio of scales.

    Raises:
        McueditError: it is so large that TFLM would shift by more bits than an int32 has.
    """
    require(0 < real < 1 << 30, op, f"a ratio of scales of {real}")
    return quantize_multiplier(real)


def limits(op: Op, y: Tensor) -> tuple[int, int]:
    """Range of the output, of 8 or 16 bits, after the op's fused activation."""
    activation = int(op.options.get("fusedActivationFunction", 0))
    require(activation == 0 or float(y.scale[0]) > _LEAST_SCALE, op, f"an activation in steps of {y.scale[0]}")
    try:
        return activation_range(activation, float(y.scale[0]), y.zero, RANGES[y.dtype])
    except McueditError as error:
        raise refusal(op, error.message, error.hint) from error


def unclamped(grad: FloatArray, y: Int8Array, lo: int, hi: int) -> FloatArray:
    """The part of a gradient that passes a clamp: where y is at a bound, a share of what leads back into range.

    How far beyond the bound it was is not known, and through layers of RELU most of what would lead back never arrives.
    None of it would leave a saturated corner without a way out; all of it drowns the gradient of what is in range.
    """
    low, high = y <= lo, y >= hi
    blocked = (low & (grad > 0)) | (high & (grad < 0))
    return np.where(blocked, np.float32(0), np.where(low | high, np.float32(_LEAK), 1) * grad)


def summed_to(grad: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """The transpose of broadcasting from `shape`; both with the samples' axis in front."""
    grad = grad.reshape(len(grad), *grad.shape[1:])
    ones = (1,) * (grad.ndim - len(shape))
    full = (shape[0], *ones, *shape[1:])
    axes = tuple(i for i, n in enumerate(full) if n == 1 and grad.shape[i] != 1)
    return np.asarray(grad.sum(axis=axes, keepdims=True) if axes else grad).reshape(shape)
