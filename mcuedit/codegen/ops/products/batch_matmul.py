# SPDX-License-Identifier: Apache-2.0
"""BATCH_MATMUL, int8."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mcuedit.codegen.ops.loops import Loops, loops, whole
from mcuedit.model.ops import operator
from mcuedit.model.ops.common import multiplier
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.products.batch_matmul import matrices
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_batch_matmul_s8."""
    operator(model, op)  # proves that types and shapes fit
    a, b, y = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    left, right = matrices(op, whole(a.shape), whole(b.shape))
    pairs = loops(op, left[..., 0, 0], right[..., 0, 0])
    count = left[..., 0, 0].size
    around = Loops((*pairs.outer, pairs.inner) if count > 1 else (), (1, 1, 1))
    m, s = multiplier(op, ratios(model, op)[0])
    params: dict[str, str | int] = {"multiplier": m, "shift": s, "a_zero_point": a.zero, "b_zero_point": b.zero}
    params |= {"zero_point": y.zero, "rows": left.shape[-2], "columns": right.shape[-1], "inner": left.shape[-1]}
    params |= {"a_row": left.strides[-2], "a_step": left.strides[-1]}
    params |= {"b_column": right.strides[-1], "b_step": right.strides[-2], **around.params()}
    live = iter(("input0", "input1"))
    named = {name: t.data for name, t in (("a", a), ("b", b)) if t.data is not None}
    constants: dict[str, npt.NDArray[Any]] = {**named, **around.constants()}
    operands = tuple(name if name in named else next(live) for name in ("a", "b"))
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered("mcuedit_batch_matmul_s8", "mcuedit_batch_matmul", fields, constants, (*operands, "output"))
