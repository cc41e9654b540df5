# SPDX-License-Identifier: Apache-2.0
"""Ops of one int8 input whose every output element depends on one input element: a table of 256 bytes."""

from __future__ import annotations

from mcuedit.model.ops.elementwise.table import Table
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_lookup_s8."""
    table = Table(model, op).table
    size = model.tensors[op.outputs[0]].size
    fields = (("table", "{table}"), ("size", str(size)))
    return Lowered("mcuedit_lookup_s8", "mcuedit_lookup", fields, {"table": table}, in_place=(0,))
