# SPDX-License-Identifier: Apache-2.0
"""TRANSPOSE_CONV, int8."""

from __future__ import annotations

import numpy as np

from mcuedit.codegen.ops.weights import requantization
from mcuedit.model.ops import operator
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.products.transpose_conv import INPUT, bias, spread
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_transpose_conv_s8, the zero point of the input times a tap's weights beside them."""
    operator(model, op)  # proves that types and shapes fit
    x, y = model.tensors[op.inputs[INPUT]], model.tensors[op.outputs[0]]
    weights = model.tensors[op.inputs[1]].data
    assert weights is not None
    wide, biases, over = weights.astype(np.int64), bias(model, op, y.shape[3]), spread(model, op)
    products = 255 * np.abs(wide).reshape(len(wide), -1).sum(axis=1)
    constants, fields = requantization(model, op, biases, products, "requant")
    offsets = (-x.zero * wide.sum(axis=3)).astype(np.int32)
    constants |= {"weights": weights.astype(np.int8), "offsets": offsets}
    params = {"weights": "{weights}", "bias": "{bias}", "offsets": "{offsets}"}
    sizes = {"batches": x.shape[0], "in_h": x.shape[1], "in_w": x.shape[2], "in_c": x.shape[3]}
    sizes |= {"out_h": y.shape[1], "out_w": y.shape[2], "out_c": y.shape[3]}
    sizes |= {
        "kernel_h": wide.shape[1],
        "kernel_w": wide.shape[2],
        "stride_h": over.stride_h,
        "stride_w": over.stride_w,
    }
    sizes |= {"pad_top": over.top, "pad_left": over.left}
    fields = (*params.items(), *fields, *((name, str(value)) for name, value in sizes.items()))
    return Lowered("mcuedit_transpose_conv_s8", "mcuedit_transpose_conv", fields, constants)
