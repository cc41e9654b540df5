# SPDX-License-Identifier: Apache-2.0
"""CONV_2D, DEPTHWISE_CONV_2D and the pools of 16-bit activations."""

from __future__ import annotations

import numpy as np

from mcuedit.codegen.ops import require
from mcuedit.codegen.ops.int16.weighted import matmul, requantization
from mcuedit.codegen.ops.weights import filters
from mcuedit.model.ops import operator
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window

_POOLS = {"AVERAGE_POOL_2D": "mcuedit_average_pool_s16", "MAX_POOL_2D": "mcuedit_max_pool_s16"}
_MOST_CHANNELS = 0x7FFF  # two bytes of each are counted in 16 bits


def conv(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_conv_2d_s16, or of mcuedit_fully_connected_s16 where each pixel of the input is a row."""
    operator(model, op)  # proves that types, shapes and sums fit
    over = window(model, op)
    weights = filters(model, op, axis=0)
    groups = over.in_c // weights.shape[3]
    rows = weights.reshape(len(weights), -1).astype(np.int64)
    if over.is_pixels and groups == 1:
        constants, fields = matmul(model, op, rows, "matrix")
        fields += (("positions", str(over.positions)),)
        return Lowered("mcuedit_fully_connected_s16", "mcuedit_fully_connected_16x8", fields, constants)
    require(over.in_c <= _MOST_CHANNELS, op, f"{over.in_c} channels, at most {_MOST_CHANNELS} fit", "make it smaller")
    constants, fields = matmul(model, op, rows, "filters")
    fields += (("window", "{window}"), ("groups", str(groups)))
    scratch = 2 * (over.elements + (rows.shape[1] if groups > 1 else 0))
    operands = ("input", "output", "scratch")
    return Lowered("mcuedit_conv_2d_s16", "mcuedit_conv_2d_16x8", fields, constants, operands, scratch, over)


def depthwise(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_depthwise_conv_2d_s16."""
    operator(model, op)  # proves that types, shapes and sums fit
    over = window(model, op)
    weights = filters(model, op, axis=3)
    channels = weights.shape[3]
    constants, fields = requantization(model, op, channels, "requant")
    params = {"weights": "{weights}", "bias": "{bias}", "window": "{window}", "multiplier": str(channels // over.in_c)}
    return Lowered(
        "mcuedit_depthwise_conv_2d_s16",
        "mcuedit_depthwise_conv_2d_16x8",
        (*params.items(), *fields),
        {"weights": weights, **constants},
        window=over,
    )


def pool(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_average_pool_s16 or mcuedit_max_pool_s16."""
    operator(model, op)  # proves that types and shapes fit
    lo, hi = limits(op, model.tensors[op.outputs[0]])
    fields = (("window", "{window}"), ("act_lo", str(lo)), ("act_hi", str(hi)))
    return Lowered(_POOLS[op.kind], "mcuedit_pool_16", fields, window=window(model, op))
