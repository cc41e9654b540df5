# SPDX-License-Identifier: Apache-2.0
"""Ops of two operands, int8, broadcasting; either may be a constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import Int8Array
from mcuedit.codegen.ops.loops import Loops, loops, whole
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.ops import operator
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.elementwise.binary import sum_multipliers
from mcuedit.model.ops.elementwise.quotients import prelu_multipliers, reciprocals, squared_multipliers
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op, Tensor


def lower(model: Model, op: Op) -> Lowered:
    """A call of a kernel of two operands."""
    operator(model, op)  # proves that types and shapes fit
    a, b, y = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    nest = loops(op, repeated(a, y), repeated(b, y))
    made = _CALLS[op.kind](model, op, nest)
    live = iter(("input0", "input1"))
    named = {name: t.data for name, t in (("a", a), ("b", b)) if t.data is not None}
    constants: dict[str, npt.NDArray[Any]] = {**named, **nest.constants(), **made.tables}
    operands = tuple(name if name in named else next(live) for name in ("a", "b"))
    fields = tuple((name, str(value)) for name, value in {**made.params, **nest.params()}.items())
    in_place = tuple(range(len(model.sources(op))))
    return Lowered(made.function, made.params_type, fields, constants, (*operands, "output"), in_place=in_place)


def repeated(x: Tensor, y: Tensor) -> Int8Array:
    """`whole` of an operand's elements, broadcast to the output's axes."""
    rank = max(len(x.shape), len(y.shape))
    out = (1,) * (rank - len(y.shape)) + y.shape
    return np.broadcast_to(whole(x.shape), out)


@dataclass(frozen=True)
class _Call:
    """A kernel, its parameters but for the loops, and tables beside the operands."""

    function: str
    params_type: str
    params: dict[str, str | int]
    tables: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


def _common(op: Op, nest: Loops, y: Tensor) -> dict[str, str | int]:
    lo, hi = limits(op, y)
    return {"count": nest.inner[0], "zero_point": y.zero, "act_lo": lo, "act_hi": hi}


def _rescaled(model: Model, op: Op, nest: Loops, scalings: Sequence[tuple[int, int]]) -> dict[str, str | int]:
    """The multipliers of a mcuedit_add."""
    a, b = (model.tensors[i] for i in op.inputs)
    params: dict[str, str | int] = {}
    for name, tensor, (m, s), step in zip("ab", (a, b), scalings, nest.inner[1:], strict=False):
        params |= {f"{name}.multiplier": m, f"{name}.shift": s, f"{name}.zero_point": tensor.zero, f"{name}.step": step}
    m, s = scalings[2]
    return params | {"multiplier": m, "shift": s}


def _sum(model: Model, op: Op, nest: Loops) -> _Call:
    params = _rescaled(model, op, nest, sum_multipliers(model, op)) | {"sign": -1 if op.kind == "SUB" else 1}
    return _Call("mcuedit_add_s8", "mcuedit_add", params | _common(op, nest, model.tensors[op.outputs[0]]))


def _squared_difference(model: Model, op: Op, nest: Loops) -> _Call:
    params = _rescaled(model, op, nest, squared_multipliers(model, op))
    params |= _common(op, nest, model.tensors[op.outputs[0]])
    return _Call("mcuedit_squared_difference_s8", "mcuedit_add", params)


def _centred(op: Op, nest: Loops, a: Tensor, b: Tensor, y: Tensor) -> dict[str, str | int]:
    """The fields of a mcuedit_mul but for its multiplier."""
    zeros: dict[str, str | int] = {"a_zero_point": a.zero, "b_zero_point": b.zero}
    return zeros | {"a_step": nest.inner[1], "b_step": nest.inner[2]} | _common(op, nest, y)


def _product(model: Model, op: Op, nest: Loops) -> _Call:
    a, b, y = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    m, s = quantize_multiplier(float(a.scale[0]) * float(b.scale[0]) / float(y.scale[0]))
    params: dict[str, str | int] = {"multiplier": m, "shift": s}
    params |= _centred(op, nest, a, b, y)
    return _Call("mcuedit_mul_s8", "mcuedit_mul", params)


def _prelu(model: Model, op: Op, nest: Loops) -> _Call:
    a, b, y = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    (m, s), (below_m, below_s) = prelu_multipliers(model, op)
    params: dict[str, str | int] = {"multiplier": m, "shift": s, "below_multiplier": below_m, "below_shift": below_s}
    params |= _centred(op, nest, a, b, y)
    return _Call("mcuedit_prelu_s8", "mcuedit_prelu", params)


def _quotient(model: Model, op: Op, nest: Loops) -> _Call:
    a, b, y = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    found, shifts, m = reciprocals(model, op)
    params = _centred(op, nest, a, b, y) | {"multiplier": m, "reciprocals": "{reciprocals}", "shifts": "{shifts}"}
    tables: dict[str, npt.NDArray[Any]] = {"reciprocals": found, "shifts": shifts.astype(np.int8)}
    del params["b_zero_point"]
    return _Call("mcuedit_div_s8", "mcuedit_div", params, tables)


def _extreme(model: Model, op: Op, nest: Loops) -> _Call:
    params: dict[str, str | int] = {"count": nest.inner[0], "a_step": nest.inner[1], "b_step": nest.inner[2]}
    return _Call("mcuedit_extreme_s8", "mcuedit_extreme", params | {"largest": int(op.kind == "MAXIMUM")})


_CALLS: dict[str, Callable[[Model, Op, Loops], _Call]] = {
    "ADD": _sum,
    "DIV": _quotient,
    "MAXIMUM": _extreme,
    "MINIMUM": _extreme,
    "MUL": _product,
    "PRELU": _prelu,
    "SQUARED_DIFFERENCE": _squared_difference,
    "SUB": _sum,
}
