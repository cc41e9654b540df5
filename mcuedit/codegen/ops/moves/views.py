# SPDX-License-Identifier: Apache-2.0
"""SLICE, GATHER, SPLIT, SPLIT_V, UNPACK, and blocks of space in depth or batch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mcuedit.codegen.ops import require
from mcuedit.codegen.ops.loops import whole
from mcuedit.codegen.ops.moves.copies import copy, memory
from mcuedit.model.ops import operator
from mcuedit.model.ops.int16.kinds import wide
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.moves.views import gathering, split_axis, split_lengths, view
from mcuedit.model.tflite import Model, Op

_U16_MAX = 0xFFFF  # of the outputs of a mcuedit_split


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_copy_s8, or of mcuedit_gather_s8 where one nest of loops does not do."""
    operator(model, op)  # proves that types and shapes fit
    if op.kind == "GATHER":
        it = gathering(model, op)
        return _gather(it.positions, it.outer, it.inner, model.tensors[op.inputs[0]].size)
    x, y = (whole(model.tensors[i].shape) for i in (op.inputs[0], op.outputs[0]))
    if wide(model, op):  # a view of elements is one of their bytes, too, along one more axis
        x, y = (memory(model.tensors[i]) for i in (op.inputs[0], op.outputs[0]))
    found = view(model, op)
    if found.strided:
        source = found.of(x)
        return copy(op, x, source, y, y.reshape(source.shape))
    depth = x.shape[-1]
    indices = found.of(np.arange(x.size).reshape(x.shape)).reshape(-1, depth)
    return _gather(indices[:, 0] // depth, 1, depth, x.size)


def _gather(positions: npt.NDArray[np.int64], rows: int, width: int, size: int) -> Lowered:
    params = {"positions": "{positions}", "rows": rows, "stride": size // rows, "count": positions.size, "width": width}
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered("mcuedit_gather_s8", "mcuedit_gather", fields, {"positions": positions.astype(np.uint32)})


def lower_split(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_split_s8."""
    for output in range(len(op.outputs)):
        operator(model, op, output)
    shape, axis = model.tensors[model.sources(op)[0]].shape, split_axis(model, op)
    require(len(op.outputs) <= _U16_MAX, op, f"{len(op.outputs)} outputs", "make fewer")
    inner = math.prod(shape[axis + 1 :]) * (2 if wide(model, op) else 1)
    widths = np.array([length * inner for length in split_lengths(model, op)], np.uint32)
    params = {"widths": "{widths}", "positions": math.prod(shape[:axis]), "count": len(widths)}
    fields = tuple((name, str(value)) for name, value in params.items())
    outputs = tuple(f"output{i}" for i in range(len(widths)))
    return Lowered("mcuedit_split_s8", "mcuedit_split", fields, {"widths": widths}, ("input", outputs))
