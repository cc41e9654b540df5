# SPDX-License-Identifier: Apache-2.0
"""VAR_HANDLE, CALL_ONCE, READ_VARIABLE and ASSIGN_VARIABLE: bytes that move, or stay where they are."""

from __future__ import annotations

from mcuedit.model.ops import operator
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """No call: the plan of the arena says whether bytes are copied (`mcuedit.codegen.arena_plan`)."""
    operator(model, op)  # proves that there is something to keep
    return Lowered()
