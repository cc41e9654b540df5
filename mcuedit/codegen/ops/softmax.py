# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX over the last axis, int8 to int8."""

from __future__ import annotations

import math

import numpy as np

from mcuedit.codegen.ops import require
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.softmax import scaling
from mcuedit.model.tflite import Model, Op

_MAX_DEPTH = 4095  # a sum of exponentials has 12 integer bits


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_softmax_s8."""
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    depth = x.shape[-1] if x.shape else 1
    require(depth <= _MAX_DEPTH, op, f"{depth} classes, at most {_MAX_DEPTH} fit", "leave it out and take the logits")
    require(
        float(y.scale[0]) == np.float32(1 / 256) and y.zero == -128, op, "its output is not quantized to 1/256, -128"
    )
    beta = float(op.options.get("beta", 1.0))
    require(0 < beta < math.inf, op, f"beta is {beta}")
    multiplier, shift, diff_min = scaling(beta, float(x.scale[0]))
    require(shift >= 0, op, f"input scale {float(x.scale[0]):g} is too small")
    rows = x.size // depth
    params = {"multiplier": multiplier, "left_shift": shift, "diff_min": diff_min, "depth": depth, "positions": rows}
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered("mcuedit_softmax_s8", "mcuedit_softmax", fields, in_place=(0,))
