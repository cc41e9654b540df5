# SPDX-License-Identifier: Apache-2.0
"""Deltas as ops behind their target, in the arithmetic of docs/spec/delta.md: the form `chained`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Delta
from mcuedit.codegen.augment.graft import Graft, Sort
from mcuedit.codegen.augment.groups import ASKS, H_MAX, LOWERS, MASK, Group, apart, groups
from mcuedit.codegen.augment.scales import Step, chain, outward
from mcuedit.model.adaptable import OUTPUT, OpGeometry, is_weighted, op_geometry, tap_geometry, tap_op, tap_tensor
from mcuedit.model.tflite import Op

_RELU, _RELU_N1_TO_1 = 1, 2  # the schema's numbers
_VALID = 1
_INT32 = 2
_INNER = ("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")  # whose activation is not that of the output
_MOST_JOINED = 10  # inputs of a CONCATENATION in TensorFlow Lite Micro
_MOST_SUMMED = 120  # groups whose sums stay within 16 bits


_NOTHING = Step(1 << 30, 1, 0, 0, 0)


def _constant(place: Place, group: Group, what: str, values: npt.NDArray[Any], sort: Sort) -> int:
    return place.graft.constant(place.name(what), values, sort)


@dataclass
class Place:
    """A target under extension.

    Attributes:
        y: what the op gives, before any delta. rows: the same as a matrix; made when first asked for.
        factor: makes the tensor of a factor, a constant mostly.
        both: whether rows may be raised and lowered, whatever the groups do.
        windows: whether deltas are convolutions here, and tensors keep their four axes.
        shape: of tensors beside y, without the last axis.
    """

    graft: Graft
    op: Op
    geometry: OpGeometry
    y: int
    windows: bool
    shape: tuple[int, ...]
    factor: Callable[[Place, Group, str, npt.NDArray[Any], Sort], int] = _constant
    both: bool = False
    rows: int | None = None
    answers: int | None = None

    @property
    def sort(self) -> Sort:
        """Quantization of the target."""
        return self.graft.sort(self.op.outputs[0])

    def name(self, what: str) -> str:
        """Of a new tensor."""
        return f"mcuedit/{self.op.index}/{what}"

    def matrix(self) -> int:
        """y as one row for each position."""
        if self.rows is None:
            self.rows = self.reshaped(self.y, (self.geometry.positions, self.geometry.n_out), self.sort)
        return self.rows

    def reshaped(self, tensor: int, shape: Sequence[int], sort: Sort) -> int:
        """A tensor of another shape, or of the same bytes read another way."""
        if self.graft.shape(tensor) == tuple(shape) and self._is(tensor, sort):
            return tensor
        return self.put("RESHAPE", [tensor, self._lengths(shape)], shape, sort, newShape=list(shape))

    def put(self, kind: str, inputs: Sequence[int], shape: Sequence[int], sort: Sort, **options: object) -> int:
        """An op behind the target, and its output."""
        y = self.graft.tensor(self.name("t"), shape, sort)
        self.graft.op(self.op.index, kind, inputs, y, **options)
        return y

    def _lengths(self, shape: Sequence[int]) -> int:
        return self.graft.constant(self.name("shape"), np.array(shape, np.int32))

    def _is(self, tensor: int, sort: Sort) -> bool:
        return self.graft.sort(tensor) == sort


def chained(graft: Graft, deltas: Sequence[Delta]) -> None:
    """Adds all deltas.

    Raises:
        McueditError: they are too many for one target.
    """
    for target in sorted({delta.target for delta in deltas}):
        geometry = op_geometry(graft.model, target)
        found = groups(graft.model, [delta for delta in deltas if delta.target == target], geometry.n_out)
        if found:
            put_groups(place_at(graft, target, found), found, wide=not apart(found))


def place_at(graft: Graft, target: int, found: Sequence[Group]) -> Place:
    """A target that groups are about to extend: it writes beside its output from here on.

    Raises:
        McueditError: the groups are too many.
    """
    geometry = op_geometry(graft.model, target)
    if len(found) > _MOST_SUMMED:
        what = f"op {target}: {len(found)} deltas that change the same rows in turn"
        raise McueditError(what, f"at most {_MOST_SUMMED} are summed: put fewer adapters into one file")
    op = graft.model.ops[target]
    windows = op.kind == "CONV_2D" and is_weighted(graft.model, op) and all(g.tap == target for g in found)
    shape = graft.model.tensors[op.outputs[0]].shape[:-1] if windows else (geometry.positions,)
    return Place(graft, op, geometry, graft.redirect(target), windows, shape)


def put_groups(place: Place, found: Sequence[Group], *, wide: bool) -> None:
    """Adds groups; `wide` where what is added and what is taken away have to meet in 16 bits."""
    raised, lowered = [], []
    for group in found:
        h, b = _project(place, group)
        if group.asks == MASK:
            h = _masked(place, group, h)
        elif group.asks == ASKS:
            h = _asked(place, group, h, b)
        if group.raises.any() or (place.both and group.asks != LOWERS):
            raised.append(_weighted(place, group, h, b, -128))
        if group.lowers.any() or place.both:
            lowered.append(_weighted(place, group, h, b, 127))
    _add(place, [*raised, *lowered], wide=wide)


def _project(place: Place, group: Group) -> tuple[int, int]:
    """h of a group, and the constant B."""
    graft, x = place.graft, tap_tensor(place.graft.model, group.tap)
    tap = tap_geometry(graft.model, group.tap)
    source = graft.sort(x)
    x = place.matrix() if group.tap & OUTPUT else x
    at, least = tap_op(group.tap), _RELU if group.gated else _RELU_N1_TO_1
    y = place.sort.scale[0]
    if len(group.chunks) == 1:
        scales = chain(group.chunks[0].step, group.step, source.scale[0], y, symmetric=not group.gated)
        h_scale, b_scale, a_scales = scales.h, scales.b, [(scales.a, scales.h)]
    else:  # h of each multiplier has a scale of its own, and is then read at a common one
        h_scale, b_scale = outward(group.step, y)
        made = [chain(c.step, _NOTHING, source.scale[0], 1.0, symmetric=not group.gated) for c in group.chunks]
        a_scales = [(one.a, one.h) for one in made]
    common, parts = Sort("INT8", (h_scale,)), []
    for chunk, (a_scale, own) in zip(group.chunks, a_scales, strict=True):
        shape = (*place.shape, len(chunk.a))
        bias = Sort("INT32", (float(np.float32(np.float32(source.scale[0]) * np.float32(a_scale))),))
        c = place.factor(place, group, "c", chunk.bias.astype(np.int32), bias)
        h = graft.tensor(place.name("h"), shape, Sort("INT8", (own,)))
        if place.windows:
            filters = chunk.a.reshape(len(chunk.a), *_kernel(place))
            w = place.factor(place, group, "A", filters, Sort("INT8", (a_scale,)))
            graft.op(at, "CONV_2D", [x, w, c], h, **_strides(place.op), fusedActivationFunction=least)
        else:
            w = place.factor(place, group, "A", chunk.a.reshape(-1, tap.n_in), Sort("INT8", (a_scale,)))
            graft.op(at, "FULLY_CONNECTED", [x, w, c], h, fusedActivationFunction=least)
        parts.append(place.reshaped(h, shape, common))
    b = group.b.reshape(len(group.b), *((1, 1) if place.windows else ()), group.rank)
    return _joined(place, parts, common), place.factor(place, group, "B", b, Sort("INT8", (b_scale,)))


def _kernel(place: Place) -> tuple[int, ...]:
    return place.graft.model.tensors[place.op.inputs[1]].shape[1:]


def _strides(op: Op) -> dict[str, object]:
    """Options of a convolution that say where its windows lie."""
    names = ("strideH", "strideW", "dilationHFactor", "dilationWFactor", "padding")
    return {name: op.options[name] for name in names}


def _joined(place: Place, parts: list[int], sort: Sort) -> int:
    while len(parts) > 1:
        some, rest = parts[:_MOST_JOINED], parts[_MOST_JOINED:]
        width = sum(place.graft.shape(t)[-1] for t in some)
        parts = [place.put("CONCATENATION", some, (*place.shape, width), sort, axis=len(place.shape)), *rest]
    return parts[0]


def _answers(place: Place) -> int:
    """The first largest element of each row of the target."""
    if place.answers is None:
        axis = place.graft.constant(place.name("axis"), np.array([1], np.int32))
        sort = Sort("INT32")
        place.answers = place.put(
            "ARG_MAX", [place.matrix(), axis], (place.geometry.positions,), sort, outputType=_INT32
        )
    return place.answers


def _masked(place: Place, group: Group, h: int) -> int:
    """h where the answer is one that the factor's delta lowers, else 0."""
    sort = place.graft.sort(h)
    mask = place.factor(place, group, "mask", np.where(group.mask, H_MAX, 0).astype(np.int8), sort)
    shape = (place.geometry.positions, group.rank)
    limit = place.put("GATHER", [mask, _answers(place)], shape, sort, axis=0)
    limit = place.reshaped(limit, place.graft.shape(h), sort)
    return place.put("MINIMUM", [h, limit], place.graft.shape(h), sort)


def _asked(place: Place, group: Group, h: int, b: int) -> int:
    """h where d of the answer is below 0, else 0."""
    graft, sort = place.graft, place.graft.sort(h)
    rows, scale = place.geometry.positions, place.sort.scale
    lowering = _weighted(place, group, h, b, 127)
    lowering = place.reshaped(lowering, (rows, place.geometry.n_out), Sort("INT8", scale, 127))
    d = place.put("GATHER", [lowering, _answers(place)], (rows,), Sort("INT8", scale, 127), axis=1, batchDims=1)
    shape = (*place.shape, 1)

    def limit(weight: int, activation: int) -> int:
        one = Sort("INT8", (float(np.float32(sort.scale[0] / scale[0])),))
        w = graft.constant(place.name("w"), np.array([[weight]], np.int8), one)
        made = place.put("FULLY_CONNECTED", [d, w, -1], (rows, 1), sort, fusedActivationFunction=activation)
        return place.reshaped(made, shape, sort)

    h = place.put("MINIMUM", [h, limit(-H_MAX, _RELU)], graft.shape(h), sort)
    return h if group.gated else place.put("MAXIMUM", [h, limit(H_MAX, 0)], graft.shape(h), sort)


def _weighted(place: Place, group: Group, h: int, b: int, zero: int) -> int:
    """B h above the zero point -128: what is added; below 127: what is taken away."""
    shape, sort = (*place.shape, place.geometry.n_out), Sort("INT8", place.sort.scale, zero)
    if not place.windows:
        return place.put("FULLY_CONNECTED", [h, b, -1], shape, sort)
    nothing = np.zeros(place.geometry.n_out, np.int32)
    h_scale, b_scale = (np.float32(place.graft.sort(t).scale[0]) for t in (h, b))
    bias = place.graft.constant(place.name("zero"), nothing, Sort("INT32", (float(h_scale * b_scale),)))
    return place.put("CONV_2D", [h, b, bias], shape, sort, strideH=1, strideW=1, padding=_VALID)


def _add(place: Place, ds: Sequence[int], wide: bool) -> None:
    """Everything into the tensor that the op wrote."""
    shape, sort = (*place.shape, place.geometry.n_out), place.sort
    total = place.y if place.windows else place.matrix()
    if wide:  # what is added and what is taken away may lie beyond 8 bits before they meet
        sort = Sort("INT16", sort.scale)
        total, *ds = [place.put("QUANTIZE", [t], shape, sort) for t in (total, *ds)]
    for d in ds[:-1]:
        total = place.put("ADD", [total, d], shape, sort)
    options = place.op.options
    activation = 0 if place.op.kind in _INNER else int(options.get("fusedActivationFunction", 0))
    last, out = place.op.outputs[0], place.graft.shape(place.op.outputs[0])
    whole = not wide and out == tuple(shape)
    end = last if whole else place.graft.tensor(place.name("sum"), shape, sort)
    place.graft.op(place.op.index, "ADD", [total, ds[-1]], end, fusedActivationFunction=activation)
    if wide:
        plain = last if out == tuple(shape) else place.graft.tensor(place.name("sum"), shape, place.sort)
        place.graft.op(place.op.index, "QUANTIZE", [end], plain)
        end = plain
    if out != tuple(shape):
        lengths = place.graft.constant(place.name("shape"), np.array(out, np.int32))
        place.graft.op(place.op.index, "RESHAPE", [end, lengths], last, newShape=list(out))
