# SPDX-License-Identifier: Apache-2.0
"""PAD, PADV2, STRIDED_SLICE, TRANSPOSE, CONCATENATION and PACK: bytes that move."""

from __future__ import annotations

import math

import numpy as np

from mcuedit._util.typing import Int8Array
from mcuedit.codegen.ops.loops import first, loops, whole
from mcuedit.model.ops import operator
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.moves.copies import padding, permutation, slices
from mcuedit.model.tflite import INT16, Model, Op, Tensor


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_copy_s8 or mcuedit_concatenation_s8; none where all bytes stay as they are."""
    operator(model, op)  # proves that types and shapes fit
    if op.kind in ("CONCATENATION", "PACK"):
        return _concatenation(model, op)
    x, y = (memory(model.tensors[i]) for i in (op.inputs[0], op.outputs[0]))
    if op.kind == "TRANSPOSE":
        return copy(op, x, x.transpose((*permutation(model, op), -1)), y, y)
    if op.kind == "STRIDED_SLICE":
        taken = x[tuple(slice(r.start, r.stop if r.stop >= 0 else None, r.step) for r in slices(model, op))]
        return copy(op, x, taken, y, y.reshape(taken.shape))
    pairs, value = padding(model, op)
    inner = y[tuple(slice(before, n - after) for (before, after), n in zip(pairs, y.shape[:-1], strict=True))]
    wide = model.tensors[op.outputs[0]].dtype == INT16
    if not wide or x.size == y.size or value >> 8 & 0xFF == value & 0xFF:
        return copy(op, x, x, y, inner, (value & 0xFF ^ 0x80) - 0x80)
    made = copy(op, x, x, y, inner)
    fields = tuple((f"copy.{name}", "0" if name == "fill_size" else expression) for name, expression in made.params)
    fields += (("size", str(y.size // 2)), ("fill", str(value)))
    return Lowered("mcuedit_pad_s16", "mcuedit_pad_16", fields, made.constants)


def memory(tensor: Tensor) -> Int8Array:
    """`whole` of a tensor's bytes: its axes, and one of the bytes of an element."""
    return whole((*tensor.shape, tensor.nbytes // max(tensor.size, 1)))


def copy(op: Op, x: Int8Array, source: Int8Array, y: Int8Array, target: Int8Array, fill: int = 0) -> Lowered:
    """`source`, a view of x, to `target`, a view of y; the rest of y is filled."""
    nest = loops(op, source, target)
    count, input_step, output_step = nest.inner
    if not nest.outer and input_step == 1 and x.size == y.size:
        return Lowered()
    params = {
        "input_first": first(source, x),
        "output_first": first(target, y),
        "count": count,
        "input_step": input_step,
        "output_step": output_step,
        "fill_size": y.size if y.size != target.size else 0,
        "fill": fill,
        **nest.params(),
    }
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered("mcuedit_copy_s8", "mcuedit_copy", fields, nest.constants())


def _concatenation(model: Model, op: Op) -> Lowered:
    parts, y = [model.tensors[i] for i in op.inputs], model.tensors[op.outputs[0]]
    axis = int(op.options.get("axis", 0)) % len(y.shape)
    rows = math.prod(y.shape[:axis])
    live = iter(range(len(parts)))
    constants = {f"part{i}": part.data.view(np.int8) for i, part in enumerate(parts) if part.data is not None}
    inputs = tuple(f"part{i}" if part.data is not None else f"input{next(live)}" for i, part in enumerate(parts))
    widths = np.array([part.nbytes // rows for part in parts], np.uint32)
    params = {"widths": "{widths}", "positions": rows, "count": len(parts)}
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered(
        "mcuedit_concatenation_s8",
        "mcuedit_concatenation",
        fields,
        {**constants, "widths": widths},
        (inputs, "output"),
    )
