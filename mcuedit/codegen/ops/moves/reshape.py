# SPDX-License-Identifier: Apache-2.0
"""RESHAPE, EXPAND_DIMS and SQUEEZE: the same bytes, hence no call."""

from __future__ import annotations

from mcuedit.model.ops import operator
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """Nothing to do."""
    operator(model, op)  # proves that types and shapes fit
    return Lowered()
