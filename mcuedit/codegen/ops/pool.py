# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D and MAX_POOL_2D, int8."""

from __future__ import annotations

from mcuedit.model.ops import operator
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window

_FUNCTIONS = {"AVERAGE_POOL_2D": "mcuedit_average_pool_s8", "MAX_POOL_2D": "mcuedit_max_pool_s8"}


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_average_pool_s8 or mcuedit_max_pool_s8."""
    operator(model, op)  # proves that types and shapes fit
    lo, hi = limits(op, model.tensors[op.outputs[0]])
    fields = (("window", "{window}"), ("act_lo", str(lo)), ("act_hi", str(hi)))
    return Lowered(_FUNCTIONS[op.kind], "mcuedit_pool", fields, window=window(model, op))
