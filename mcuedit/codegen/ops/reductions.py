# SPDX-License-Identifier: Apache-2.0
"""MEAN, SUM and REDUCE_MAX, int8, over any axes."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import Int8Array
from mcuedit.codegen.ops.loops import Loops, loops, whole
from mcuedit.model.ops import operator
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.reductions import reduced_axes, sum_multiplier
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_mean_s8, the zero point of all elements in the bias, or of mcuedit_reduce_max_s8."""
    operator(model, op)  # proves that types and shapes fit
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    axes = reduced_axes(model, op)
    kept = _over(op, whole(x.shape), tuple(i for i in range(len(x.shape)) if i not in axes))
    summed = _over(op, whole(x.shape), axes)
    around = Loops((*kept.outer, kept.inner) if y.size != 1 else (), (1, 1, 1))
    elements = x.size // y.size
    params: dict[str, str | int] = {"count": summed.inner[0], "step": summed.inner[1]}
    if op.kind != "REDUCE_MAX":
        m, s = sum_multiplier(op, float(x.scale[0]) / float(y.scale[0]), elements)
        params |= {"bias": -elements * x.zero, "multiplier": m, "shift": s, "output_zero_point": y.zero}
    params |= {
        **around.params("kept", "kept_depth"),
        **summed.params("summed", "summed_depth"),
    }
    fields = tuple((name, str(value)) for name, value in params.items())
    constants = {**around.constants("kept"), **summed.constants("summed")}
    function = "mcuedit_reduce_max_s8" if op.kind == "REDUCE_MAX" else "mcuedit_mean_s8"
    return Lowered(function, "mcuedit_mean", fields, constants)


def _over(op: Op, x: Int8Array, axes: tuple[int, ...]) -> Loops:
    """Loops over some axes of x, at the start of all others."""
    view = x[tuple(slice(None) if i in axes else 0 for i in range(x.ndim))]
    return loops(op, view, np.broadcast_to(whole(()), view.shape))
