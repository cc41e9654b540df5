# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D, int8, any depth multiplier."""

from __future__ import annotations

import numpy as np

from mcuedit.codegen.ops import require
from mcuedit.codegen.ops.weights import bias, convolution, filters, requantization
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_depthwise_conv_2d_s8; over a single channel it is a CONV_2D with the filters transposed."""
    weights = filters(model, op, axis=3)
    over = window(model, op)
    channels = weights.shape[3]
    fits = weights.shape[0] == 1 and channels % over.in_c == 0
    fits = fits and model.tensors[op.outputs[0]].shape[3] == channels
    require(fits, op, f"filters {list(weights.shape)} do not fit an input of {over.in_c} channels")
    flat = weights.reshape(-1, channels)
    if over.in_c == 1:
        return convolution(model, op, np.ascontiguousarray(flat.T), over)
    biases = bias(model, op, channels)
    products = 255 * np.abs(flat.astype(np.int64)).sum(axis=0)
    constants, fields = requantization(model, op, biases, products, "requant")
    params = {
        "weights": "{weights}",
        "bias": "{bias}",
        "window": "{window}",
        "multiplier": channels // over.in_c,
        "input_zero_point": model.tensors[op.inputs[0]].zero,
    }
    first = tuple((name, str(value)) for name, value in params.items())
    return Lowered(
        "mcuedit_depthwise_conv_2d_s8",
        "mcuedit_depthwise_conv_2d",
        first + fields,
        {"weights": weights, **constants},
        window=over,
    )
