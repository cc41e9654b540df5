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
    wide, biases = weights.astype(np.int64), bias(model, op, y.shape[3])
    products = 255 * np.abs(wide).reshape(len(wide), -1).sum(axis=1)
    constants, fields = requantization(model, op, biases, products, "requant")
    offsets = (-x.zero * wide.sum(axis=3)).astype(np.int32)
    constants |= {"weights": weights.astype(np.int8), "offsets": offsets}
    params = {"weights": "{weights}", "bias": "{bias}", "offsets": "{offsets}"}
    fields = (*params.items(), *fields, *((name, str(value)) for name, value in sizes(model, op).items()))
    return Lowered("mcuedit_transpose_conv_s8", "mcuedit_transpose_conv", fields, constants)


def sizes(model: Model, op: Op) -> dict[str, int]:
    """The fields about shapes, strides and padding."""
    x, y, filters = (model.tensors[i].shape for i in (op.inputs[INPUT], op.outputs[0], op.inputs[1]))
    over = spread(model, op)
    found = {"batches": x[0], "in_h": x[1], "in_w": x[2], "in_c": x[3], "out_h": y[1], "out_w": y[2], "out_c": y[3]}
    found |= {"kernel_h": filters[1], "kernel_w": filters[2], "stride_h": over.stride_h, "stride_w": over.stride_w}
    return found | {"pad_top": over.top, "pad_left": over.left}
