# SPDX-License-Identifier: Apache-2.0
"""Models with state, inputs that do not fit, and what a model says about its tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import delta
from helpers.stateful import svdf

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import add
from mcuedit.adapter.forward import flow, trace, with_deltas
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.tflite import parse


@pytest.fixture
def oracle() -> Any:
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    from mcuedit.model.oracle import Tflm

    return Tflm


def test_examples_do_not_know_of_each_other(oracle):
    model = svdf()
    assert model.stateful
    x = np.random.default_rng(1).integers(-128, 128, (6, 1, 4)).astype(np.int8)
    one = oracle(model)
    together = one.activations(x, [model.outputs[0]])[model.outputs[0]]
    for i in range(6):
        alone = one.activations(x[i : i + 1], [model.outputs[0]])[model.outputs[0]]
        np.testing.assert_array_equal(alone[0], together[i])


def test_a_sequence_ends_in_its_last_step(oracle):
    model = svdf(memory=3)
    x = np.random.default_rng(2).integers(-128, 128, (4, 7, 1, 4)).astype(np.int8)
    tensors = [model.ops[0].outputs[0], model.inputs[0], model.outputs[0]]
    one = oracle(model)
    whole = one.activations(x, tensors)
    np.testing.assert_array_equal(whole[model.inputs[0]], x[:, -1])
    for t in tensors:
        np.testing.assert_array_equal(one.activations(x[:, -3:], tensors)[t], whole[t])  # it remembers three
    assert (one.activations(x[:, -1], tensors)[tensors[0]] != whole[tensors[0]]).any()


def test_inputs_that_do_not_fit(oracle, tiny_model):
    one = oracle(tiny_model)
    for x in (np.zeros((2, 1, 15), np.int8), np.zeros((2, 3, 1, 16), np.int8), np.zeros((2, 1, 16), np.float32)):
        with pytest.raises(McueditError, match="op 0 FULLY_CONNECTED: an input of"):
            one.activations(x, [tiny_model.outputs[0]])


def conv(change: Any = None) -> bytes:
    """CONV_2D over [1, 6, 6, 2], 3 filters of 3 x 3."""
    net = NetBuilder()
    x = net.tensor("x", (1, 6, 6, 2), 1 / 32, 0)
    w = net.constant("w", np.ones((3, 3, 3, 2), np.int8), [1 / 64])
    y = net.tensor("y", (1, 4, 4, 3), 1 / 8, 0)
    net.op("CONV_2D", [x, w], y, strideH=1, strideW=1, padding=1)
    data = net.pack(x, y)
    return tiny.altered(data, change) if change else data


def test_what_cannot_be_proven_is_first_run_in_another_process(oracle):
    """LOGICAL_AND with one operand ends the process in which TFLM runs it."""
    net = NetBuilder()
    x, y = net.tensor("x", (1, 4), 0.1, 0), net.tensor("y", (1, 4), 0.1, 0)
    net.op("LOGICAL_AND", [x, x], y)
    oracle(parse(net.pack(x, y), "and"))
    net = NetBuilder()
    x, y = net.tensor("x", (1, 4), 0.1, 0), net.tensor("y", (1, 4), 0.1, 0)
    net.op("LOGICAL_AND", [x], y)
    with pytest.raises(McueditError, match="does not survive the model, perhaps because of op 0 LOGICAL_AND"):
        oracle(parse(net.pack(x, y), "and"))


MISFITS = {
    "output too large": lambda m: setattr(m.subgraphs[0].tensors[2], "shape", [1, 40, 40, 3]),
    "input too small": lambda m: setattr(m.subgraphs[0].tensors[0], "shape", [1, 2, 2, 2]),
    "more channels than the filters have": lambda m: setattr(m.subgraphs[0].tensors[0], "shape", [1, 6, 6, 3]),
    "stride of 0": lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "strideH", 0),
}


@pytest.mark.parametrize("name", MISFITS)
def test_shapes_that_would_crash_tflm(name, oracle):
    oracle(parse(conv(), "conv"))
    with pytest.raises(McueditError, match="op 0 CONV_2D"):
        oracle(parse(conv(MISFITS[name]), "conv"))


def test_only_the_batch_may_be_open():
    parse(conv(lambda m: setattr(m.subgraphs[0].tensors[0], "shapeSignature", [-1, 6, 6, 2])), "conv")
    with pytest.raises(McueditError, match=r"op 0 CONV_2D: tensor 'x' leaves axes \[0, 2\] open"):
        parse(conv(lambda m: setattr(m.subgraphs[0].tensors[0], "shapeSignature", [-1, 6, -1, 2])), "conv")


def test_an_input_of_another_type_names_the_op_that_reads_it():
    with pytest.raises(McueditError, match="op 0 CONV_2D: input 'x' is BOOL"):
        parse(conv(lambda m: setattr(m.subgraphs[0].tensors[0], "type", 6)), "conv")


def test_shared_weights():
    net = NetBuilder()
    x, w = net.tensor("x", (1, 4), 0.1, 0), net.constant("w", np.ones((4, 4), np.int8), [0.1])
    own = net.constant("own", np.ones((4, 4), np.int8), [0.1])
    for i, weights in enumerate((w, own, w)):
        y = net.tensor(f"y{i}", (1, 4), 0.1, 0)
        net.op("FULLY_CONNECTED", [x, weights], y)
        x = y
    model = parse(net.pack(0, x), "shared")
    assert [model.shares_weights(op) for op in model.ops] == [True, False, True]


def test_other_types_before_the_tap(oracle):
    """int16 in the middle is the runtime's business: deltas after it see int8."""
    net, rng = NetBuilder(), np.random.default_rng(0)
    x = net.tensor("x", (1, 6), 1 / 16, 3)
    wide = net.tensor("wide", (1, 6), 1 / 4096, 0, dtype="INT16")
    net.op("QUANTIZE", [x], wide)
    double = net.tensor("double", (1, 6), 1 / 2048, 0, dtype="INT16")
    net.op("ADD", [wide, wide], double)
    back = net.tensor("back", (1, 6), 1 / 8, -1)
    net.op("QUANTIZE", [double], back)
    y = net.tensor("y", (1, 4), 1 / 4, 0)
    net.op("FULLY_CONNECTED", [back, net.constant("w", rng.integers(-99, 99, (4, 6)).astype(np.int8), [1 / 99])], y)
    model = parse(net.pack(x, y), "mixed")
    assert flow(model, 0) == [x, wide, double, back, y]
    base = trace(model, oracle(model), rng.integers(-128, 128, (20, 1, 6)).astype(np.int8))
    it = delta(model, 3, 3, rows=None)
    moved = add([it], [it.project(base.values[back])], base.values[y])
    np.testing.assert_array_equal(with_deltas(model, [it], base).values[y], moved)
    assert (moved != base.values[y]).any()
    with pytest.raises(McueditError, match="op 1 ADD: no delta is trained through 16-bit activations"):
        ops.operator(model, model.ops[1]).backward(np.zeros((1, 1, 6), np.float32), [], moved)
