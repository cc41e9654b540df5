# SPDX-License-Identifier: Apache-2.0
"""L2_NORMALIZATION over the last axis, int8 to int8."""

from __future__ import annotations

from mcuedit.model.ops import operator
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_l2_normalization_s8."""
    operator(model, op)  # proves that types and shapes fit
    x = model.tensors[op.inputs[0]]
    params = {"depth": x.shape[-1], "positions": x.size // x.shape[-1], "zero_point": x.zero}
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered("mcuedit_l2_normalization_s8", "mcuedit_l2_normalization", fields, in_place=(0,))
