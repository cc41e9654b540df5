# SPDX-License-Identifier: Apache-2.0
"""CONV_2D, int8, with groups where the filters have fewer channels than the input."""

from __future__ import annotations

from mcuedit.codegen.ops import require
from mcuedit.codegen.ops.weights import convolution, filters
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_conv_2d_s8 or mcuedit_fully_connected_s8."""
    weights = filters(model, op, axis=0)
    over = window(model, op)
    n_out, _, _, depth = weights.shape
    groups = over.in_c // depth
    fits = over.in_c == groups * depth and n_out % groups == 0
    fits = fits and model.tensors[op.outputs[0]].shape[3] == n_out
    require(fits, op, f"filters {list(weights.shape)} do not fit an input of {over.in_c} channels")
    return convolution(model, op, weights.reshape(n_out, -1), over)
