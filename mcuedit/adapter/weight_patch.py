# SPDX-License-Identifier: Apache-2.0
"""Merged mode: other weights in a copy of the .tflite, in place (DESIGN.md, section 5)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model.adaptable import is_weighted, op_geometry
from mcuedit.model.tflite import Model, Op

_LIMIT = 127  # of weights that change; TFLM's kernels take symmetric weights
_NONE = "choose another --target, or leave the weights alone: an adapter beside the op can do the same"


@dataclass(frozen=True)
class Patch:
    """How much a merged file differs from its base.

    Attributes:
        weights: of the op. changed: weights that differ, each a byte of the file.
        clipped: weights that were to leave -127..127.
        span: bytes from the first to the last that differ.
        packed: bytes of their differences, deflated: about what a patch has to carry.
    """

    weights: int
    changed: int
    clipped: int
    span: int
    packed: int


def weights_of(model: Model, index: int) -> Int8Array:
    """Weights of op `index` as rows of A meet them: int8[n_out, n_in].

    Raises:
        McueditError: the op has none that can be changed in place.
    """
    geometry = op_geometry(model, index)
    if not is_weighted(model, model.ops[index]):
        raise McueditError(f"op {index} {model.ops[index].kind} has no weights to change", _NONE)
    _place(model, model.ops[index])
    data = model.tensors[model.ops[index].inputs[1]].data
    assert data is not None
    return np.asarray(data, np.int8).reshape(geometry.n_out, geometry.n_in)


def shifted(weights: Int8Array, change: npt.NDArray[np.floating]) -> tuple[Int8Array, int]:
    """W + round(change), clamped where it changed, and how many were clamped: all [n_out, n_in]."""
    steps = np.round(change)
    moved = weights + steps
    clipped = int((np.abs(moved) > _LIMIT)[steps != 0].sum())
    return np.where(steps == 0, weights, np.clip(moved, -_LIMIT, _LIMIT)).astype(np.int8), clipped


def merge(model: Model, index: int, weights: Int8Array) -> bytes:
    """The base's file with other weights for op `index`: int8[n_out, n_in] in the file's order; no other byte differs.

    Raises:
        McueditError: as `weights_of`.
    """
    start, size = _place(model, model.ops[index])
    raw = weights.astype(np.int8).tobytes()
    if len(raw) != size:
        raise McueditError(f"op {index}: {len(raw)} weights, the base has {size}", "give as many")
    return model.data[:start] + raw + model.data[start + size :]


def patch(model: Model, merged: bytes, index: int, clipped: int = 0) -> Patch:
    """Compares a merged file with its base."""
    old, new = (np.frombuffer(data, np.uint8) for data in (model.data, merged))
    at = np.flatnonzero(old != new)
    span = int(at[-1] - at[0]) + 1 if len(at) else 0
    piece = (new - old)[at[0] : at[0] + span] if span else new[:0]
    packed = len(zlib.compress(piece.tobytes(), 9)) if span else 0
    return Patch(_place(model, model.ops[index])[1], len(at), clipped, span, packed)


def _place(model: Model, op: Op) -> tuple[int, int]:
    """Offset and size in the file of an op's weights, proven to be theirs and nobody else's."""
    tensor = model.tensors[op.inputs[1]]
    what = f"op {op.index} {op.kind}: its weights ({tensor.name!r})"
    root = _root(model)
    buffer = root.Subgraphs(0).Tensors(tensor.index).Buffer()
    if root.Buffers(buffer).Offset() > 1:
        raise McueditError(f"{what} are stored outside the flatbuffer", "convert the model again, below 2 GB")
    places = {i: _span(model, root.Buffers(i)) for i in range(root.BuffersLength())}
    start, end = places[buffer]
    if tensor.data is None or model.data[start:end] != tensor.data.tobytes():
        raise McueditError(f"{what} are not where the file says", "copy the model again from its source")
    users = _users(root, buffer)
    if users > 1 or any(i != buffer and a < end and start < b for i, (a, b) in places.items()):
        raise McueditError(f"{what} are shared: {max(users, 2)} tensors or ops would change together", _NONE)
    return start, end - start


def _root(model: Model) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.Model.GetRootAs(model.data, 0)


def _span(model: Model, buffer: Any) -> tuple[int, int]:
    """First byte and end of a buffer in the file; (0, 0) when it is empty."""
    if not buffer.DataLength():
        return 0, 0
    view = buffer.DataAsNumpy()  # of the file's own bytes: their distance is the offset
    start = view.__array_interface__["data"][0] - np.frombuffer(model.data, np.uint8).__array_interface__["data"][0]
    return start, start + len(view)


def _users(root: Any, buffer: int) -> int:
    """How often tensors with that buffer are read by ops, or exist, whichever is more; over all subgraphs."""
    tensors = reads = 0
    for graph in (root.Subgraphs(i) for i in range(root.SubgraphsLength())):
        own = {i for i in range(graph.TensorsLength()) if graph.Tensors(i).Buffer() == buffer}
        tensors += len(own)
        for op in (graph.Operators(i) for i in range(graph.OperatorsLength())):
            reads += sum(op.Inputs(i) in own for i in range(op.InputsLength()))
    return max(tensors, reads)
