# SPDX-License-Identifier: Apache-2.0
"""Which ends a model has: its core's, the output that is edited, subgraphs, signatures, shapes that are computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers import tiny
from helpers.rims import branching, rimmed

from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import logits_tensor
from mcuedit.codegen import plan_arena
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.emulate.backends.engine import Engine
from mcuedit.emulate.runner import best_oracle
from mcuedit.model.bundle import choose, load
from mcuedit.model.tflite import parse


def test_the_core_begins_and_ends_at_int8() -> None:
    model = parse(rimmed(("UINT8", 1 / 16, 128), "FLOAT32"))
    assert [model.tensors[t].name for t in (*model.inputs, *model.outputs)] == ["inside", "y8"]
    assert [model.tensors[t].name for t in (*model.file_inputs, *model.file_outputs)] == ["x", "y"]
    assert [op.kind for op in model.ops if model.is_core(op)] == ["FULLY_CONNECTED"]
    assert [op.index for op in model.ops] == [0, 1, 2]


def test_the_only_classifier_is_what_is_edited() -> None:
    def fewer(m: Any) -> None:
        scores, _, one = m.subgraphs[0].outputs
        m.subgraphs[0].outputs = [one, scores]

    model = choose(parse(tiny.altered(branching(), fewer)), None)
    assert (model.classifiers, model.output.name, model.output_size) == ((1,), "scores", 5)


def test_an_output_has_to_be_named_where_several_could_be_meant() -> None:
    model = parse(branching())
    with pytest.raises(McueditError, match="3 outputs, 2 of them like a classifier's") as caught:
        choose(model, None)
    assert "--output-name NAME: 'scores' (0), 'sums' (1), 'one' (2)" in caught.value.hint
    for name in ("sums", "1"):
        assert choose(model, name).output.name == "sums"
        assert logits_tensor(choose(model, name)) == model.outputs[1]
    with pytest.raises(McueditError, match="no output 'none'"):
        choose(model, "none")


def test_labels_say_which_output_they_are_of(tmp_path) -> None:
    (tmp_path / "model.tflite").write_bytes(branching())
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    assert load(tmp_path).model.output.name == "scores"
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    assert load(tmp_path).model.output.name == "sums"
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(McueditError, match="2 labels"):
        load(tmp_path)


def test_subgraphs_and_signatures_beyond_the_first_are_noted() -> None:
    def more(m: Any) -> None:
        other = schema.SubGraphT()
        other.tensors, other.operators, other.inputs, other.outputs = [], [], [], []
        m.subgraphs.append(other)
        m.signatureDefs = []
        for key, graph in ((b"serve", 0), (b"train", 1)):
            signature = schema.SignatureDefT()
            signature.signatureKey, signature.subgraphIndex, signature.inputs, signature.outputs = key, graph, [], []
            if graph == 0:
                entry = schema.TensorMapT()
                entry.name, entry.tensorIndex = b"audio", m.subgraphs[0].inputs[0]
                signature.inputs = [entry]
            m.signatureDefs.append(signature)

    model = parse(tiny.altered(tiny.classifier(), more))
    assert model.input_names == ("audio",)
    assert [note.split(" is taken")[0] for note in model.notes] == [
        "subgraph 0 of 2",
        "of the signatures 'serve', 'train' 'serve'",
    ]
    assert parse(tiny.classifier()).notes == ()


def test_shapes_that_are_computed_are_folded_in_every_runtime() -> None:
    """As converters write Flatten over an open batch: SHAPE, STRIDED_SLICE, a product of constants, PACK, RESHAPE."""
    net, rng = NetBuilder(), np.random.default_rng(0)
    x = net.tensor("x", (1, 2, 3), 1 / 16, 0)
    whole = {
        name: net.tensor(name, shape, 1, 0, dtype="INT32")
        for name, shape in (("shape", (3,)), ("batch", ()), ("rest", ()), ("packed", (2,)))
    }
    zero, one, two, three = (net.constant(f"c{v}", np.array(v, np.int32)) for v in ([0], [1], 2, 3))
    net.op("SHAPE", [x], whole["shape"])
    net.op("STRIDED_SLICE", [whole["shape"], zero, one, one], whole["batch"], shrinkAxisMask=1)
    net.op("MUL", [two, three], whole["rest"])
    net.op("PACK", [whole["batch"], whole["rest"]], whole["packed"], valuesCount=2)
    flat, y = net.tensor("flat", (1, 6), 1 / 16, 0), net.tensor("y", (1, 4), 1 / 4, 0)
    net.op("RESHAPE", [x, whole["packed"]], flat)
    weights = net.constant("w", rng.integers(-99, 99, (4, 6)).astype(np.int8), [1 / 99])
    net.op("FULLY_CONNECTED", [flat, weights], y)
    model = parse(net.pack(x, y))
    assert [op.kind for op in model.ops if model.is_core(op)] == ["RESHAPE", "FULLY_CONNECTED"]
    assert plan_arena(model).arena_size > 0
    rows = rng.integers(-128, 128, (6, 1, 2, 3)).astype(np.int8)
    want = best_oracle(model).activations(rows, model.outputs)[model.outputs[0]]
    np.testing.assert_array_equal(Engine(model).run(rows), want.reshape(6, 4))
