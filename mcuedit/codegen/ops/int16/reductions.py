# SPDX-License-Identifier: Apache-2.0
"""MEAN and SUM of 16-bit elements."""

from __future__ import annotations

from dataclasses import replace

from mcuedit.codegen.ops import reductions
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_mean_s16, whose parameters are those of int8."""
    return replace(reductions.lower(model, op), function="mcuedit_mean_s16")
