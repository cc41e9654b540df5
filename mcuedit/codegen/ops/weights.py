# SPDX-License-Identifier: Apache-2.0
"""What the ops with weights have in common: constants, folded biases, requantization."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.codegen.ops import require
from mcuedit.model.adaptable import activation_range
from mcuedit.model.fixedpoint import requantize
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.linear import multipliers
from mcuedit.model.tflite import INT8, INT32, Model, Op
from mcuedit.model.windows import Window

_U16_MAX = 0xFFFF
_NO_SATURATION = 1 << 30  # of mcuedit_requant.no_saturation
_ACCUMULATOR = 1 << 31

Fields = tuple[tuple[str, str], ...]
Constants = dict[str, npt.NDArray[Any]]


def filters(model: Model, op: Op, axis: int) -> Int8Array:
    """The weights of an op, with a scale for all or one for each channel along `axis`.

    Raises:
        McueditError: they are no int8 constant, or have other scales.
    """
    weights = model.op_tensors(op)[0][1] if len(op.inputs) > 1 else None
    require(weights is not None and weights.data is not None, op, "its weights are no constant", "freeze them")
    assert weights is not None
    assert weights.data is not None
    require(weights.dtype == INT8, op, f"its weights are {weights.dtype}, not int8")
    require(len(weights.shape) > axis, op, f"its weights have the shape {list(weights.shape)}")
    scales = weights.scale.size
    require(
        scales == 1 or (scales == weights.shape[axis] and weights.axis == axis),
        op,
        "its weights have no scale per output",
    )
    return weights.data.astype(np.int8)


def bias(model: Model, op: Op, channels: int) -> IntArray:
    """int64[channels]; zeros where there is none.

    Raises:
        McueditError: it is no int32 constant of that size.
    """
    inputs = model.op_tensors(op)[0]
    found = inputs[2] if len(inputs) > 2 else None
    if found is None:
        return np.zeros(channels, np.int64)
    require(found.data is not None, op, "its bias is no constant", "freeze it")
    require(found.dtype == INT32, op, f"its bias is {found.dtype}, not int32")
    assert found.data is not None
    require(found.data.size == channels, op, f"its bias has {found.data.size} elements for {channels} outputs")
    return found.data.reshape(-1).astype(np.int64)


def requantization(model: Model, op: Op, biases: IntArray, products: IntArray, prefix: str) -> tuple[Constants, Fields]:
    """Biases, constants and fields of a mcuedit_requant.

    Args:
        biases: int64[channels].
        products: int64[channels], above any |sum| of products that can be on the way to a channel's output.
        prefix: of the fields.

    Raises:
        McueditError: a sum could overflow.
    """
    y = model.tensors[op.outputs[0]]
    reach = np.abs(biases) + products
    worst = int(reach.argmax())
    require(
        int(reach[worst]) < _ACCUMULATOR,
        op,
        f"the accumulator of output {worst} could overflow",
        "scale its weights down",
    )
    low, high = activation_range(op.options.get("fusedActivationFunction", 0), float(y.scale[0]), y.zero)
    scales = np.array(multipliers(model, op), np.int64)
    if len(scales) > 1:
        biases, scales = _settled(biases, scales, products == 0, y.zero, (low, high))
    no_saturation = (
        int((np.abs(biases) + products).max()) < _NO_SATURATION
        and bool(np.all((scales[:, 1] >= -31) & (scales[:, 1] <= -1)))
        and (low, high) == (-128, 127)
    )
    stored = scales if len(scales) > 1 else np.repeat(scales, 4, axis=0)  # four channels are loaded at once
    constants: Constants = {
        "bias": biases.astype(np.int32),
        "multipliers": stored[:, 0].astype(np.int32),
        "shifts": stored[:, 1].astype(np.int8),
    }
    params = {
        "multipliers": "{multipliers}",
        "shifts": "{shifts}",
        "per_channel": int(len(scales) > 1),
        "no_saturation": int(no_saturation),
        "zero_point": y.zero,
        "act_lo": low,
        "act_hi": high,
    }
    return constants, tuple((f"{prefix}.{name}", str(value)) for name, value in params.items())


def _settled(
    biases: IntArray, scales: IntArray, dead: npt.NDArray[np.bool_], zero: int, limits: tuple[int, int]
) -> tuple[IntArray, IntArray]:
    """Biases and (m, s) with which channels without weights give what they give, from small sums.

    Converters leave them with scales next to 0 and biases next to 2^30, for which the fast way is none.
    """
    always = requantize(biases[None], 0, scales[:, 0], scales[:, 1], zero, limits)[0].astype(np.int64)
    plain = np.array([1 << 30, -1])  # a quarter
    return np.where(dead, 4 * (always - zero), biases), np.where(dead[:, None], plain, scales)


def matrix(model: Model, op: Op, weights: Int8Array, prefix: str) -> tuple[Constants, Fields]:
    """Constants and fields of a mcuedit_matmul: the input's zero point is folded into the bias.

    Args:
        weights: int8[n_out, n_in].

    Raises:
        McueditError: a sum could overflow.
    """
    x = model.tensors[op.inputs[0]]
    n_out, n_in = weights.shape
    require(max(n_in, n_out) <= _U16_MAX, op, f"{n_in} inputs to {n_out} outputs: more than 65535", "make it smaller")
    wide = weights.astype(np.int64)
    folded = bias(model, op, n_out) - x.zero * wide.sum(axis=1)
    constants, fields = requantization(model, op, folded, 128 * np.abs(wide).sum(axis=1), f"{prefix}.requant")
    params = {"weights": "{weights}", "bias": "{bias}", "n_in": n_in, "n_out": n_out}
    first = tuple((f"{prefix}.{name}", str(value)) for name, value in params.items())
    return {"weights": weights, **constants}, first + fields


def convolution(model: Model, op: Op, weights: Int8Array, over: Window) -> Lowered:
    """A call of mcuedit_conv_2d_s8, or, where each pixel of the input is a row, of mcuedit_fully_connected_s8.

    Args:
        weights: int8[n_out, n_in].
    """
    if over.is_pixels and weights.shape[1] == over.in_c:
        constants, fields = matrix(model, op, weights, "matrix")
        fields += (("positions", str(over.positions)),)
        return Lowered("mcuedit_fully_connected_s8", "mcuedit_fully_connected", fields, constants)
    groups = over.elements // weights.shape[1]
    constants, fields = matrix(model, op, weights, "filters")
    params = {"window": "{window}", "groups": groups, "input_zero_point": model.tensors[op.inputs[0]].zero}
    fields += tuple((name, str(value)) for name, value in params.items())
    return Lowered(
        "mcuedit_conv_2d_s8",
        "mcuedit_conv_2d",
        fields,
        constants,
        operands=("input", "output", "scratch"),
        scratch=over.elements + (weights.shape[1] if groups > 1 else 0),
        window=over,
    )
