# SPDX-License-Identifier: Apache-2.0
"""Graphs that are no chains: residual sums, concatenations, tensors that several ops read."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.deltas import delta
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import add
from mcuedit.adapter.forward import Trace, flow, logits_tensor, with_deltas
from mcuedit.conformance import oneop
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.tflite import Model, parse
from mcuedit.training.core.suffix import Suffix

SCALE = 1 / 8


class Graph:
    """FULLY_CONNECTED ops of 6 to 6 and what joins them; all tensors are quantized alike."""

    def __init__(self) -> None:
        self.net, self.rng = NetBuilder(), np.random.default_rng(0)
        self.input = self.tensor(6)

    def tensor(self, width: int) -> int:
        return self.net.tensor(f"t{width}", (1, width), SCALE, -3)

    def dense(self, x: int, width: int = 6) -> int:
        w = self.net.constant("w", self.rng.integers(-127, 128, (6, width)).astype(np.int8), [1 / 256])
        y = self.tensor(6)
        self.net.op("FULLY_CONNECTED", [x, w], y)
        return y

    def join(self, kind: str, *xs: int) -> int:
        y = self.tensor(12 if kind == "CONCATENATION" else 6)
        self.net.op(kind, list(xs), y, **({"axis": 1} if kind == "CONCATENATION" else {}))
        return y

    def model(self, output: int) -> Model:
        return parse(self.net.pack(self.input, output), "graph")


def residual() -> Model:
    """Ops 0 and 1 make a and b from the input; op 2 c from a; op 3 a + c; op 4 both beside b; op 5 the output."""
    g = Graph()
    a, b = g.dense(g.input), g.dense(g.input)
    c = g.dense(a)
    total = g.join("ADD", a, c)
    return g.model(g.dense(g.join("CONCATENATION", total, b), 12))


def inputs(model: Model, n: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(-128, 128, (n, *model.input.shape)).astype(np.int8)


def run(model: Model, values: dict[int, np.ndarray], first: int = 0) -> dict[int, np.ndarray]:
    """All tensors from those that op `first` and the later ones need."""
    values = dict(values)
    for op in model.ops[first:]:
        values[op.outputs[0]] = ops.operator(model, op).forward(*(values[t] for t in model.sources(op)))
    return values


def test_suffix_takes_what_does_not_depend_on_the_target_from_the_trace():
    model = residual()
    base = run(model, {model.inputs[0]: inputs(model)})
    a, b, *_ = (op.outputs[0] for op in model.ops)
    suffix = Suffix(model, 0, model.outputs[0])
    assert suffix.side == (b,)
    values = suffix.forward(base[a], {b: base[b]})
    np.testing.assert_array_equal(values[model.outputs[0]], base[model.outputs[0]])
    other = np.roll(base[a], 1, axis=0)
    expected = run(model, base | {a: other}, first=2)
    # Op 1 does not depend on a: its output stays.
    np.testing.assert_array_equal(suffix.forward(other, base)[suffix.end], expected[suffix.end])


def test_suffix_ends_anywhere_and_needs_nothing_else():
    model = residual()
    total = model.ops[3].outputs[0]
    assert Suffix(model, 0, total).side == ()
    assert Suffix(model, 2, total).side == (model.ops[0].outputs[0],)
    own = model.ops[0].outputs[0]
    y = inputs(model)
    assert Suffix(model, 0, own).forward(y, {})[own] is not None
    np.testing.assert_array_equal(Suffix(model, 0, own).backward(np.ones((40, 6), np.float32), {own: y}), 1)
    with pytest.raises(McueditError, match="op 1 FULLY_CONNECTED has no influence on tensor"):
        Suffix(model, 1, total)


def test_gradients_of_a_tensor_that_is_read_twice_add_up():
    model = residual()
    total = model.ops[3].outputs[0]
    suffix = Suffix(model, 0, total)
    y = np.random.default_rng(2).integers(-30, 30, (8, 1, 6)).astype(np.int8)
    values = suffix.forward(y, {})
    grad = np.random.default_rng(3).normal(size=values[total].shape).astype(np.float32)
    through, add_op = ops.operator(model, model.ops[2]), ops.operator(model, model.ops[3])
    c = through.forward(y)
    straight, around = add_op.backward(grad, [y, c], values[total])
    (behind,) = through.backward(around, [y], c)
    np.testing.assert_allclose(suffix.backward(grad, values), straight + behind, rtol=1e-6)


@pytest.mark.parametrize("target", [0, 1, 2, 5])
def test_deltas_reach_every_branch(target):
    model = residual()
    base = Trace(run(model, {model.inputs[0]: inputs(model)}))
    it = delta(model, target, target, rank=2, rows=None, seed=target)
    op = model.ops[target]
    x, y = base.values[op.inputs[0]], base.values[op.outputs[0]]
    moved = add([it], [it.project(x)], y)
    assert (moved != y).any()
    found = with_deltas(model, [it], base)
    expected = run(model, base.values | {op.outputs[0]: moved}, first=target + 1)
    for t in flow(model, 0):
        np.testing.assert_array_equal(found.values[t], expected[t])


@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_any_suffix_of_any_net_repeats_the_trace(seed):
    rng = np.random.default_rng(seed)
    model = parse(oneop.random_net(rng), "net")
    base = run(model, {model.inputs[0]: oneop.random_inputs(model, rng, 6)})
    for op in model.ops:
        suffix = Suffix(model, op.index, model.outputs[0])
        values = suffix.forward(base[op.outputs[0]], base)
        np.testing.assert_array_equal(values[suffix.end], base[suffix.end])
        back = suffix.backward(np.ones(values[suffix.end].shape, np.float32), values)
        assert back.shape == base[op.outputs[0]].shape
        assert back.dtype == np.float32
        assert np.isfinite(back).all()


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_reshapes_do_not_hide_the_logits(before, after):
    g = Graph()
    logits = x = g.dense(g.input)
    if before:
        x = g.join("RESHAPE", x)
    y = g.net.tensor("p", (1, 6), 1 / 256, -128)
    g.net.op("SOFTMAX", [x], y, beta=1.0)
    if after:
        flat = g.net.tensor("flat", (6,), 1 / 256, -128)
        g.net.op("RESHAPE", [y], flat)
        y = flat
    assert logits_tensor(g.model(y)) == logits


def test_a_last_reshape_hides_no_logits_either():
    g = Graph()
    y = g.dense(g.input)
    assert logits_tensor(g.model(g.join("RESHAPE", y))) == y
    assert logits_tensor(residual()) == residual().outputs[0]


def split() -> Model:
    """Op 0 makes a; op 1 splits it in three; op 2 is made of the third part and the first one; the second is unused."""
    g = Graph()
    a = g.dense(g.input)
    parts = [g.tensor(2) for _ in range(3)]
    g.net.op("SPLIT", [g.net.constant("axis", np.array([1], np.int32)), a], parts, numSplits=3)
    y = g.net.tensor("y", (1, 4), SCALE, -3)
    g.net.op("CONCATENATION", [parts[2], parts[0]], y, axis=1)
    return g.model(y)


def test_an_op_of_several_outputs_is_gone_through_by_those_that_lead_on():
    model = split()
    x = inputs(model)
    y = ops.operator(model, model.ops[0]).forward(x)
    suffix = Suffix(model, 0, model.outputs[0])
    values = suffix.forward(y, {})
    np.testing.assert_array_equal(values[model.outputs[0]], y[..., [4, 5, 0, 1]])
    grad = np.random.default_rng(1).normal(size=(40, 1, 4)).astype(np.float32)
    back = suffix.backward(grad, values).reshape(40, 6)
    np.testing.assert_array_equal(back, np.insert(grad[:, 0][:, [2, 3, 0, 1]], [2, 2], 0, axis=1))


def test_a_delta_before_a_split_is_seen_behind_it():
    model = split()
    x = inputs(model)
    values = {model.inputs[0]: x}
    for op in model.ops:
        made = [
            ops.operator(model, op, k).forward(*(values[t] for t in model.sources(op))) for k in range(len(op.outputs))
        ]
        values |= dict(zip(op.outputs, made, strict=True))
    d = delta(model, 0, 0, gated=False)
    now = with_deltas(model, [d], Trace({t: values[t] for t in (*flow(model, 0), model.inputs[0])})).values
    moved = now[model.ops[0].outputs[0]]
    assert (moved != values[model.ops[0].outputs[0]]).any()
    np.testing.assert_array_equal(now[model.outputs[0]], moved[..., [4, 5, 0, 1]])
