# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX of 16-bit elements."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from mcuedit.model.ops import operator
from mcuedit.model.ops.int16.softmax import Softmax, exp_table, reciprocal_table
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_softmax_s16."""
    made: Softmax = cast(Any, operator(model, op))
    x = model.tensors[op.inputs[0]]
    (m, s), depth = made.scaling, x.shape[-1]
    params = {"exp": "{exp}", "reciprocal": "{reciprocal}", "multiplier": m, "shift": s}
    params |= {"depth": depth, "positions": x.size // depth}
    fields = tuple((name, str(value)) for name, value in params.items())
    constants = {"exp": exp_table().astype(np.int16), "reciprocal": reciprocal_table().astype(np.int16)}
    return Lowered("mcuedit_softmax_s16", "mcuedit_softmax_16", fields, constants, in_place=(0,))
