# SPDX-License-Identifier: Apache-2.0
"""ADD, SUB and MUL, int8, broadcasting; either operand may be a constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import Int8Array
from mcuedit.codegen.ops.loops import Loops, loops, whole
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.ops import operator
from mcuedit.model.ops.binary import sum_multipliers
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.tflite import Model, Op, Tensor


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_add_s8 or mcuedit_mul_s8."""
    operator(model, op)  # proves that types and shapes fit
    a, b, y = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    nest = loops(op, _repeated(a, y), _repeated(b, y))
    function, params = _product(nest, a, b, y) if op.kind == "MUL" else _sum(model, op, nest)
    lo, hi = limits(op, y)
    params |= {"count": nest.inner[0], "zero_point": y.zero, "act_lo": lo, "act_hi": hi, **nest.params()}
    live = iter(("input0", "input1"))
    named = {name: t.data for name, t in (("a", a), ("b", b)) if t.data is not None}
    constants: dict[str, npt.NDArray[Any]] = {**named, **nest.constants()}
    operands = tuple(name if name in named else next(live) for name in ("a", "b"))
    fields = tuple((name, str(value)) for name, value in params.items())
    in_place = tuple(range(len(model.sources(op))))
    return Lowered(f"{function}_s8", function, fields, constants, (*operands, "output"), in_place=in_place)


def _repeated(x: Tensor, y: Tensor) -> Int8Array:
    rank = max(len(x.shape), len(y.shape))
    out = (1,) * (rank - len(y.shape)) + y.shape
    return np.broadcast_to(whole(x.shape), out)


def _sum(model: Model, op: Op, nest: Loops) -> tuple[str, dict[str, str | int]]:
    scalings, (a, b) = sum_multipliers(model, op), (model.tensors[i] for i in op.inputs)
    params: dict[str, str | int] = {}
    for name, tensor, (m, s), step in zip("ab", (a, b), scalings, nest.inner[1:], strict=False):
        params |= {f"{name}.multiplier": m, f"{name}.shift": s, f"{name}.zero_point": tensor.zero, f"{name}.step": step}
    m, s = scalings[2]
    return "mcuedit_add", params | {"multiplier": m, "shift": s, "sign": -1 if op.kind == "SUB" else 1}


def _product(nest: Loops, a: Tensor, b: Tensor, y: Tensor) -> tuple[str, dict[str, str | int]]:
    m, s = quantize_multiplier(float(a.scale[0]) * float(b.scale[0]) / float(y.scale[0]))
    params: dict[str, str | int] = {"multiplier": m, "shift": s, "a_zero_point": a.zero, "b_zero_point": b.zero}
    return "mcuedit_mul", params | {"a_step": nest.inner[1], "b_step": nest.inner[2]}
