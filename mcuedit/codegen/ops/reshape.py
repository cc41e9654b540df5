# SPDX-License-Identifier: Apache-2.0
"""RESHAPE: the same bytes, hence no call."""

from __future__ import annotations

from mcuedit.codegen.ops import Lowered, require
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """Nothing to do."""
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    require(x.size == y.size, op, f"{x.shape} does not fit {y.shape}")
    return Lowered()
