# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED, int8, filters quantized per tensor or per channel."""

from __future__ import annotations

import numpy as np

from mcuedit.codegen.ops import require
from mcuedit.codegen.ops.weights import filters, matrix
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_fully_connected_s8."""
    weights = filters(model, op, axis=0)
    require(weights.ndim == 2 and weights.size > 0, op, f"its weights have the shape {list(weights.shape)}")
    require(op.options.get("weightsFormat", 0) == 0, op, "its weights are shuffled")
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    stored = model.tensors[op.inputs[1]]
    if stored.scale.size == 1:  # TFLM takes a zero point off weights with one scale, and off no others
        shifted = weights.astype(np.int64) - stored.zero
        fits = shifted.min() >= -128 and shifted.max() <= 127
        require(fits, op, "its weights leave int8 without their zero point")
        weights = shifted.astype(np.int8)
    n_out, n_in = weights.shape
    rows = x.size // n_in
    fits = x.size == rows * n_in and y.size == rows * n_out
    require(fits, op, f"input {list(x.shape)} does not fit weights {list(weights.shape)}")
    constants, fields = matrix(model, op, weights, "matrix")
    return Lowered(
        "mcuedit_fully_connected_s8", "mcuedit_fully_connected", (*fields, ("positions", str(rows))), constants
    )
