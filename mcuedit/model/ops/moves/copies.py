# SPDX-License-Identifier: Apache-2.0
"""Ops that move elements, of 8 or 16 bits: RESHAPE, PAD, PADV2, CONCATENATION, PACK, STRIDED_SLICE, TRANSPOSE."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.ops.common import constant, integers, operand, require, same_quantization
from mcuedit.model.tflite import Model, Op

_MOST_AXES = 5  # of PAD and TRANSPOSE
_MOST_AXES_SLICED = 4
_MOST_INPUTS = 10


class Reshape:
    """The same bytes in another shape."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        require(x.size == y.size, op, f"{list(x.shape)} does not become {list(y.shape)}")
        self._shape = y.shape

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        return xs[0].reshape(len(xs[0]), *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        return (grad.reshape(xs[0].shape),)


def padding(model: Model, op: Op) -> tuple[list[tuple[int, int]], int]:
    """Elements before and after each axis of a PAD or PADV2, and what they are."""
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    flat = integers(model, op, 1)
    pairs = list(zip(flat[::2], flat[1::2], strict=False))
    fits = len(flat) == 2 * len(x.shape) == 2 * len(y.shape) <= 2 * _MOST_AXES and min(flat, default=0) >= 0
    grown = tuple(n + before + after for n, (before, after) in zip(x.shape, pairs, strict=False))
    require(fits and grown == y.shape, op, f"{list(x.shape)} padded by {flat} gives no {list(y.shape)}")
    if len(op.inputs) < 3:
        return pairs, y.zero
    value, tensor = constant(model, op, 2, y.dtype), operand(model, op, 2)
    same = tensor is not None and tensor.scale.size == 1 and same_quantization(tensor, y)
    require(value.size == 1 and same, op, "the value to pad with is quantized differently from the output")
    return pairs, int(value.ravel()[0])


class Pad:
    """The input in a frame; bytes are not rescaled, whatever the scales say."""

    def __init__(self, model: Model, op: Op) -> None:
        self._pairs, self._value = padding(model, op)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        return np.pad(xs[0], [(0, 0), *self._pairs], constant_values=self._value)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        inner = tuple(slice(before, before + n) for (before, _), n in zip(self._pairs, x.shape[1:], strict=True))
        return (grad[(slice(None), *inner)],)


class Concatenation:
    """Inputs one after the other along an axis; all are quantized as the output."""

    def __init__(self, model: Model, op: Op) -> None:
        y = model.tensors[op.outputs[0]]
        self._tensors = [model.tensors[i] for i in op.inputs if i >= 0]
        count = len(self._tensors)
        require(0 < count == len(op.inputs) <= _MOST_INPUTS, op, f"{count} of {len(op.inputs)} inputs")
        require(op.options.get("fusedActivationFunction", 0) == 0, op, "a fused activation")
        axis = int(op.options.get("axis", 0))
        self._axis = axis + len(y.shape) if axis < 0 else axis
        require(0 <= self._axis < len(y.shape), op, f"axis {axis} of {list(y.shape)}")
        for t in self._tensors:
            quantized = t.dtype == y.dtype and t.scale.size == 1 and same_quantization(t, y)
            require(quantized, op, f"input {t.name!r} is quantized differently from the output")
            others = tuple(m for i, m in enumerate(t.shape) if i != self._axis)
            fits = len(t.shape) == len(y.shape) and others == tuple(m for i, m in enumerate(y.shape) if i != self._axis)
            require(fits, op, f"input {list(t.shape)} for output {list(y.shape)}")
        self._sizes = [t.shape[self._axis] for t in self._tensors]
        require(sum(self._sizes) == y.shape[self._axis], op, f"lengths {self._sizes} for output {list(y.shape)}")

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live input -> int8[n, *output]."""
        live = iter(xs)
        parts = [
            next(live) if t.data is None else np.broadcast_to(t.data, (len(xs[0]), *t.shape)) for t in self._tensors
        ]
        return np.concatenate(parts, axis=self._axis + 1)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live input."""
        parts = np.split(grad, np.cumsum(self._sizes)[:-1], axis=self._axis + 1)
        return tuple(part for part, t in zip(parts, self._tensors, strict=True) if t.data is None)


class Pack:
    """Inputs of one shape, one after the other along a new axis. Bytes are not rescaled, whatever the scales say."""

    def __init__(self, model: Model, op: Op) -> None:
        y = model.tensors[op.outputs[0]]
        self._tensors = [model.tensors[i] for i in op.inputs if i >= 0]
        axis, count = int(op.options.get("axis", 0)), len(self._tensors)
        self._axis = axis + len(y.shape) if axis < 0 else axis
        fits = 0 < count == len(op.inputs) == int(op.options.get("valuesCount", 0))
        fits = fits and 0 <= self._axis < len(y.shape) and y.shape[self._axis] == count
        require(fits, op, f"{count} of {len(op.inputs)} inputs at axis {axis} of {list(y.shape)}")
        shape = (*y.shape[: self._axis], *y.shape[self._axis + 1 :])
        for t in self._tensors:
            require(t.dtype == y.dtype and t.shape == shape, op, f"input {t.dtype}{list(t.shape)} for {list(y.shape)}")

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live input -> int8[n, *output]."""
        live, n = iter(xs), len(xs[0])
        parts = [next(live) if t.data is None else np.broadcast_to(t.data, (n, *t.shape)) for t in self._tensors]
        return np.stack(parts, axis=self._axis + 1)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live input."""
        live = [i for i, t in enumerate(self._tensors) if t.data is None]
        return tuple(np.asarray(grad.take(i, axis=self._axis + 1)) for i in live)


def slices(model: Model, op: Op) -> list[range]:
    """The indices that a STRIDED_SLICE takes of each axis, as TFLM's StridedSlice{Start,End}ForAxis."""
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    begin, end, stride = (integers(model, op, i) for i in (1, 2, 3))
    rank = len(x.shape)
    require(len(begin) == len(end) == len(stride) == rank <= _MOST_AXES_SLICED, op, f"{len(begin)} of {rank} axes")
    require(0 not in stride, op, "a stride of 0")
    masks = [int(op.options.get(name, 0)) for name in ("beginMask", "endMask", "shrinkAxisMask")]
    taken = []
    for i, size in enumerate(x.shape):
        begins, ends, shrinks = (bool(mask >> i & 1) for mask in masks)
        forth = stride[i] > 0
        low, high = (0, size) if forth else (-1, size - 1)
        start = min(max(begin[i] + (size if begin[i] < 0 else 0), low), high)
        stop = min(max(end[i] + (size if end[i] < 0 else 0), low), high)
        start = (0 if forth else size - 1) if begins else start
        stop = (size if forth else -1) if ends else stop
        taken.append(range(start, min(start + 1, size) if shrinks else stop, stride[i]))
    shape = tuple(len(r) for i, r in enumerate(taken) if not masks[2] >> i & 1)
    whole = all(taken) and shape == y.shape
    require(whole, op, f"{begin} to {end} by {stride} of {list(x.shape)} is not {list(y.shape)}")
    return taken


class StridedSlice:
    """Every stride-th element of each axis, backwards too."""

    def __init__(self, model: Model, op: Op) -> None:
        self._index = (slice(None), *map(_as_slice, slices(model, op)))
        self._shape = model.tensors[op.outputs[0]].shape

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        return np.ascontiguousarray(xs[0][self._index]).reshape(-1, *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        back = np.zeros(xs[0].shape, np.float32)
        back[self._index] = grad.reshape(back[self._index].shape)
        return (back,)


def _as_slice(indices: range) -> slice:
    return slice(indices.start, indices.stop if indices.stop >= 0 else None, indices.step)


def permutation(model: Model, op: Op) -> tuple[int, ...]:
    """Which input axis each output axis of a TRANSPOSE is."""
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    order = integers(model, op, 1)
    fits = sorted(order) == list(range(len(x.shape))) and len(order) <= _MOST_AXES
    shape = tuple(x.shape[i] for i in order) if fits else ()
    require(fits and shape == y.shape, op, f"{list(x.shape)} in order {order} is not {list(y.shape)}")
    return tuple(order)


class Transpose:
    """Axes in another order."""

    def __init__(self, model: Model, op: Op) -> None:
        self._order = (0, *(i + 1 for i in permutation(model, op)))

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        return np.ascontiguousarray(xs[0].transpose(self._order))

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        return (grad.transpose(np.argsort(self._order)),)
