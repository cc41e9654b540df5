# SPDX-License-Identifier: Apache-2.0
"""Ops that are a view of their input: SLICE, SPLIT, SPLIT_V, UNPACK, GATHER, and blocks of space in depth or batch.

Applied to the input, a view gives the output; to an array of indices, where each byte comes from; to memory that nobody
touches, the strides of a copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.ops.common import integers, require
from mcuedit.model.ops.moves.blocks import batch_to_space, depth_to_space, space_to_batch, space_to_depth
from mcuedit.model.ops.moves.view import View
from mcuedit.model.ops.resize import nearest
from mcuedit.model.tflite import Model, Op

_MOST_AXES = 5  # of SLICE


class Moved:
    """One output: input bytes, each where the view has it. Bytes are not rescaled, whatever the scales say."""

    def __init__(self, model: Model, op: Op, output: int = 0) -> None:
        x = model.tensors[model.sources(op)[0]]
        self._index = view(model, op, output).of(np.arange(x.size).reshape(x.shape)).reshape(-1)
        self._shape = model.tensors[op.outputs[output]].shape

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        (x,) = xs
        return x.reshape(len(x), -1)[:, self._index].reshape(-1, *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]; a byte that went to several places gets the sum."""
        (x,) = xs
        back = np.zeros((math.prod(x.shape[1:]), len(x)), np.float32)
        np.add.at(back, self._index, grad.reshape(len(x), -1).T)
        return (np.ascontiguousarray(back.T).reshape(x.shape),)


def view(model: Model, op: Op, output: int = 0) -> View:
    """How an output lies in the input.

    Raises:
        McueditError: it does not fit.
    """
    y = model.tensors[op.outputs[output]]
    found = _VIEWS[op.kind](model, op, output)
    source = model.tensors[model.sources(op)[0]]
    require(found.shape == y.shape, op, f"{list(source.shape)} gives {list(found.shape)}, not {list(y.shape)}")
    return found


def split_axis(model: Model, op: Op) -> int:
    """The axis that a SPLIT, SPLIT_V or UNPACK takes apart."""
    x = model.tensors[model.sources(op)[0]]
    place = {"SPLIT": 0, "SPLIT_V": 2}.get(op.kind)
    named = [int(op.options.get("axis", 0))] if place is None else integers(model, op, place)
    axis = named[0] + (len(x.shape) if named[0] < 0 else 0) if len(named) == 1 else -1
    require(0 <= axis < len(x.shape), op, f"axis {named} of {list(x.shape)}")
    return axis


def split_lengths(model: Model, op: Op) -> list[int]:
    """The length of each output along `split_axis`."""
    x, axis = model.tensors[model.sources(op)[0]], split_axis(model, op)
    outputs = [model.tensors[i] for i in op.outputs]
    if op.kind == "UNPACK":
        found = [1] * len(outputs)
    else:
        fits = all(len(y.shape) == len(x.shape) for y in outputs)
        require(fits, op, f"outputs {[list(y.shape) for y in outputs]} of an input {list(x.shape)}")
        found = [y.shape[axis] for y in outputs]
    alike = op.kind == "SPLIT_V" or len(set(found)) == 1
    require(alike and sum(found) == x.shape[axis], op, f"lengths {found} of {x.shape[axis]}")
    return found


def _split(model: Model, op: Op, output: int) -> View:
    shape, axis, lengths = model.tensors[model.sources(op)[0]].shape, split_axis(model, op), split_lengths(model, op)
    start, length = [0, *accumulate(lengths)][output], lengths[output]
    taken = (slice(None),) * axis + (slice(start, start + length),)
    kept = () if op.kind == "UNPACK" else (length,)
    return View(lambda x: x[taken], (*shape[:axis], *kept, *shape[axis + 1 :]))


def _slice(model: Model, op: Op, _: int) -> View:
    shape = model.tensors[op.inputs[0]].shape
    begin, size = integers(model, op, 1), integers(model, op, 2)
    require(len(begin) == len(size) == len(shape) <= _MOST_AXES, op, f"{len(begin)} of {len(shape)} axes")
    lengths = [n - b if s == -1 else s for b, s, n in zip(begin, size, shape, strict=True)]
    inside = all(b >= 0 and s > 0 and b + s <= n for b, s, n in zip(begin, lengths, shape, strict=True))
    require(inside, op, f"{size} elements from {begin} on of {list(shape)}")
    taken = tuple(slice(b, b + s) for b, s in zip(begin, lengths, strict=True))
    return View(lambda x: x[taken], tuple(lengths))


@dataclass(frozen=True)
class Gathering:
    """What a GATHER takes: for each of the `outer` rows `positions`, each of `inner` elements.

    Attributes:
        shape: of the output.
    """

    outer: int
    positions: npt.NDArray[np.int64]
    inner: int
    shape: tuple[int, ...]


def gathering(model: Model, op: Op) -> Gathering:
    """Rows and positions; where positions differ by batch there is one row, of all of them."""
    x, indices = model.tensors[op.inputs[0]], np.array(integers(model, op, 1), np.int64)
    shape, listed = x.shape, model.tensors[op.inputs[1]].shape
    axis, batches = int(op.options.get("axis", 0)), int(op.options.get("batchDims", 0))
    axis, batches = axis + len(shape) * (axis < 0), batches + len(listed) * (batches < 0)
    fits = 0 <= batches <= axis < len(shape) and batches <= len(listed) and shape[:batches] == listed[:batches]
    require(fits, op, f"axis {axis} of {list(shape)} by positions {list(listed)} with {batches} axes of batches")
    inside = indices.size > 0 and indices.min() >= 0 and indices.max() < shape[axis]
    require(inside, op, f"positions {indices.tolist()} of {shape[axis]}")
    batch, outer, inner = (math.prod(part) for part in (shape[:batches], shape[batches:axis], shape[axis + 1 :]))
    made = (*shape[:axis], *listed[batches:], *shape[axis + 1 :])
    if batch == 1:
        return Gathering(outer, indices, inner, made)
    rows = np.arange(batch * outer).reshape(batch, outer, 1) * shape[axis]
    return Gathering(1, (rows + indices.reshape(batch, 1, -1)).reshape(-1), inner, made)


def _gather(model: Model, op: Op, _: int) -> View:
    it = gathering(model, op)
    return View(lambda x: x.reshape(it.outer, -1, it.inner)[:, it.positions], it.shape, strided=False)


_VIEWS: dict[str, Callable[[Model, Op, int], View]] = {
    "BATCH_TO_SPACE_ND": batch_to_space,
    "DEPTH_TO_SPACE": depth_to_space,
    "GATHER": _gather,
    "RESIZE_NEAREST_NEIGHBOR": nearest,
    "SLICE": _slice,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "SPACE_TO_DEPTH": space_to_depth,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "UNPACK": _split,
}
