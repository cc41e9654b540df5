# SPDX-License-Identifier: Apache-2.0
"""Ops of two 16-bit operands."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mcuedit.codegen.ops.elementwise.binary import repeated
from mcuedit.codegen.ops.loops import loops
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.ops import operator
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.elementwise.binary import sum_multipliers
from mcuedit.model.ops.elementwise.quotients import prelu_multipliers, squared_multipliers
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op

_FUNCTIONS = {
    "ADD": ("mcuedit_add_s16", "mcuedit_add_16"),
    "MAXIMUM": ("mcuedit_extreme_s16", "mcuedit_mul_16"),
    "MINIMUM": ("mcuedit_extreme_s16", "mcuedit_mul_16"),
    "MUL": ("mcuedit_mul_s16", "mcuedit_mul_16"),
    "PRELU": ("mcuedit_prelu_s16", "mcuedit_prelu_16"),
    "SQUARED_DIFFERENCE": ("mcuedit_squared_difference_s16", "mcuedit_add_16"),
    "SUB": ("mcuedit_add_s16", "mcuedit_add_16"),
}


def lower(model: Model, op: Op) -> Lowered:
    """A call of a kernel of two operands."""
    operator(model, op)  # proves that types and shapes fit
    a, b, y = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    nest = loops(op, repeated(a, y), repeated(b, y))
    lo, hi = limits(op, y)
    params: dict[str, str | int] = {"count": nest.inner[0], "a_step": nest.inner[1], "b_step": nest.inner[2]}
    params |= {"act_lo": lo, "act_hi": hi, **_scaling(model, op), **nest.params()}
    live = iter(("input0", "input1"))
    named = {name: t.data for name, t in (("a", a), ("b", b)) if t.data is not None}
    constants: dict[str, npt.NDArray[Any]] = {**named, **nest.constants()}
    operands = tuple(name if name in named else next(live) for name in ("a", "b"))
    fields = tuple((name, str(value)) for name, value in params.items())
    in_place = tuple(range(len(model.sources(op))))  # the slopes of a PRELU are constant
    return Lowered(*_FUNCTIONS[op.kind], fields, constants, (*operands, "output"), in_place=in_place)


def _scaling(model: Model, op: Op) -> dict[str, str | int]:
    if op.kind in ("MAXIMUM", "MINIMUM"):
        return {"largest": int(op.kind == "MAXIMUM")}
    if op.kind == "MUL":
        a, b, y = (float(model.tensors[i].scale[0]) for i in (*op.inputs, *op.outputs))
        m, s = quantize_multiplier(a * b / y)
        return {"multiplier": m, "shift": s}
    if op.kind == "PRELU":
        (m, s), (below_m, below_s) = prelu_multipliers(model, op)
        below = {"below_multiplier": below_m, "below_shift": below_s, "b_zero_point": model.tensors[op.inputs[1]].zero}
        return {"multiplier": m, "shift": s, **below}
    squared = op.kind == "SQUARED_DIFFERENCE"
    scalings = squared_multipliers(model, op) if squared else sum_multipliers(model, op)
    found = zip(("a_", "b_", ""), scalings, strict=True)
    pairs: dict[str, str | int] = {
        f"{name}{part}": value
        for name, pair in found
        for part, value in zip(("multiplier", "shift"), pair, strict=True)
    }
    return pairs if squared else {**pairs, "sign": -1 if op.kind == "SUB" else 1}
