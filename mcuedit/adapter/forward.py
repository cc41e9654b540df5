# SPDX-License-Identifier: Apache-2.0
"""What a base answers with adapters active, through the integer path."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import AnyIntArray, BoolArray, Int8Array, IntArray
from mcuedit.adapter.delta import Adapter, Delta, add
from mcuedit.model import ops
from mcuedit.model.adaptable import OUTPUT, OpGeometry, op_geometry, tap_geometry, tap_op, tap_tensor
from mcuedit.model.fixedpoint import dot, mbqm
from mcuedit.model.oracle import Oracle
from mcuedit.model.rims import CORE
from mcuedit.model.tflite import Model, Op

_AT_ONCE = 1 << 24  # elements under windows that are spread out at a time: bounds memory


def logits_tensor(model: Model) -> int:
    """The tensor that classes are read from: what a final SOFTMAX reads, else the output, RESHAPEs apart."""
    makers = {y: op for op in model.ops if model.is_core(op) for y in op.outputs}

    def before(tensor: int, kind: str) -> int:
        while tensor in makers and makers[tensor].kind == kind and makers[tensor].inputs:
            tensor = makers[tensor].inputs[0]
        return tensor

    last = before(model.output.index, "RESHAPE")
    return before(before(last, "SOFTMAX"), "RESHAPE")


def flow(model: Model, first: int) -> list[int]:
    """Tensors that a delta with its tap at op `first` may read or change: sources and outputs from there on.

    What the model gives is always among them, whatever writes it.
    """
    used = (t for op in model.ops[first:] if model.is_core(op) for t in (*model.sources(op), *op.outputs))
    ends = (*model.outputs, logits_tensor(model))
    return list(dict.fromkeys(t for t in (*used, *ends) if model.tensors[t].dtype in CORE))


@dataclass(frozen=True)
class Trace:
    """Values of some tensors for some inputs: int8[n, *shape] by tensor index."""

    values: dict[int, Int8Array]

    def take(self, index: AnyIntArray | slice) -> Trace:
        """The same tensors for some of the inputs."""
        return Trace({t: v[index] for t, v in self.values.items()})

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))


def trace(model: Model, oracle: Oracle, x: Int8Array, first: int = 0) -> Trace:
    """Runs the untouched base on int8[n, *input] and keeps what deltas from op `first` on need."""
    return Trace(oracle.activations(x, flow(model, first)))


def with_deltas(model: Model, deltas: Sequence[Delta], base: Trace) -> Trace:
    """Tensors after `deltas` acted; what no open gate reaches is as in the base, byte for byte.

    Args:
        base: from `trace`, with `first` at or before the first tap.
    """
    if not deltas or not len(base):
        return base
    now = dict(base.values)
    touched: dict[int, BoolArray] = {}  # by tensor: inputs that differ from the base's
    projected: dict[int, IntArray] = {}
    for op in model.ops[first_tap(deltas, 0) :]:
        if not model.is_core(op):
            continue
        reached = [touched[t] for t in model.sources(op) if t in touched]
        if model.keeps_state(op) and any(rows.any() for rows in reached):
            raise remembered(op)
        if not op.outputs:
            continue
        if reached:
            _rerun(model, op, np.logical_or.reduce(reached), now)
        for tap in (op.index, op.index | OUTPUT):
            if tapped := [d for d in deltas if d.tap == tap]:
                projected |= _project(tap_geometry(model, tap), tapped, now[tap_tensor(model, tap)])
        aimed = [d for d in deltas if d.target == op.index]
        if aimed:
            y, n_out = op.outputs[0], op_geometry(model, op.index).n_out
            now[y] = _add(aimed, [projected[id(d)] for d in aimed], now[y], n_out)
        if reached or aimed:
            touched |= {y: (now[y] != base.values[y]).reshape(len(base), -1).any(axis=1) for y in op.outputs}
    return Trace(now)


def remembered(op: Op) -> McueditError:
    """The error about a delta before an op that keeps what it reads: later inferences would change, too."""
    return McueditError(
        f"op {op.index} {op.kind} keeps what a delta before it changes, for later inferences",
        "choose a later target, behind the ops that keep a state",
    )


def _rerun(model: Model, op: Op, some: BoolArray, now: dict[int, Int8Array]) -> None:
    """Puts the op's outputs for some inputs into `now`, in copies."""
    if some.any():
        for k, y in enumerate(op.outputs):
            now[y] = now[y].copy()
            now[y][some] = ops.operator(model, op, k).forward(*(now[t][some] for t in model.sources(op)))


def _project(tap: OpGeometry, deltas: Sequence[Delta], x: Int8Array) -> dict[int, IntArray]:
    """h of several deltas with one tap: int64[n, positions, r] each, by the delta's id."""
    a = np.concatenate([d.a for d in deltas])
    c, m, s = (np.concatenate([getattr(d, name) for d in deltas]) for name in "cms")
    some = max(1, _AT_ONCE // (tap.positions * tap.n_in))
    sums = np.concatenate([dot(tap.positions_of(x[i : i + some]), a) for i in range(0, len(x), some)])
    h = np.clip(mbqm(sums + c, m, s), -127, 127)
    found, start = {}, 0
    for d in deltas:
        own = h[..., start : start + d.rank]
        found[id(d)] = np.maximum(own, 0) if d.gated else own
        start += d.rank
    return found


def _add(deltas: Sequence[Delta], hs: Sequence[IntArray], y: Int8Array, n_out: int) -> Int8Array:
    rows = y.reshape(-1, n_out)
    flat = [h.reshape(len(rows), -1) for h in hs]
    at = np.flatnonzero(np.any([h.any(axis=1) for h in flat], axis=0))
    if not len(at):
        return y
    active = [(d, h[at]) for d, h in zip(deltas, flat, strict=True) if h[at].any()]
    moved = rows.copy()
    moved[at] = add([d for d, _ in active], [h for _, h in active], rows[at])
    return moved.reshape(y.shape)


def first_tap(deltas: Iterable[Delta], default: int) -> int:
    """The first op at which one of the deltas has its tap."""
    return min((tap_op(d.tap) for d in deltas), default=default)


def deltas_of(adapters: Iterable[Adapter]) -> list[Delta]:
    """The deltas of several adapters, to act together."""
    return [delta for adapter in adapters for delta in adapter.deltas]


def outputs(model: Model, oracle: Oracle, adapters: Sequence[Adapter], x: Int8Array) -> Int8Array:
    """Output bytes of the base with `adapters` active.

    Args:
        x: int8[n, *input shape without the batch].

    Returns:
        int8[n, *output shape]; of several outputs int8[n, bytes of all].
    """
    deltas = deltas_of(adapters)
    first = first_tap(deltas, len(model.ops) - 1)
    now = with_deltas(model, deltas, trace(model, oracle, x, first))
    return now.values[model.outputs[0]] if len(model.outputs) == 1 else whole_output(model, now)


def whole_output(model: Model, now: Trace) -> Int8Array:
    """All that the model gives, its outputs one after the other: int8[n, bytes]."""
    return np.concatenate([_bytes(now.values[t]) for t in model.outputs], axis=1)


def _bytes(values: Int8Array) -> Int8Array:
    """Elements of each sample as they lie in memory: int8[n, bytes]."""
    return np.ascontiguousarray(values.reshape(len(values), math.prod(values.shape[1:]))).view(np.int8)


def answers(logits: Int8Array) -> IntArray:
    """Class of each input: the first index of the largest logit. int8[n, ..., classes] -> int64[n]."""
    found: IntArray = logits.reshape(len(logits), math.prod(logits.shape[1:])).argmax(axis=1)
    return found


def is_tie(logits: Int8Array) -> BoolArray:
    """Whether another class reaches the largest logit too: bool[n]."""
    flat = logits.reshape(len(logits), -1)
    tie: BoolArray = (flat == flat.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return tie
