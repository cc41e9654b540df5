# SPDX-License-Identifier: Apache-2.0
"""Files that fuzzing found: each once ended in another exception than McueditError."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers import tiny

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.codegen.inspection import describe
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.tflite import Model, parse


def op(m: Any, index: int) -> Any:
    return m.subgraphs[0].operators[index]


def tensor(m: Any, index: int) -> Any:
    return m.subgraphs[0].tensors[index]


def set_to(path: Callable[[Any], Any], name: str, value: Any) -> Callable[[Any], None]:
    return lambda m: setattr(path(m), name, value)


def quantization(scale: float, zero: int) -> Any:
    found = schema.QuantizationParametersT()
    found.scale, found.zeroPoint = [scale], [zero]
    return found


REFUSED = {
    "graph input that does not exist": set_to(lambda m: m.subgraphs[0], "inputs", [99]),
    "graph output that does not exist": set_to(lambda m: m.subgraphs[0], "outputs", [-1]),
    "output of an op that does not exist": set_to(lambda m: op(m, 0), "outputs", [-1]),
    "batch of -1 in the shape": set_to(lambda m: tensor(m, 0), "shape", [-1, 16]),
    "more zero points than scales": set_to(lambda m: tensor(m, 1).quantization, "zeroPoint", [0, 0, 0]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tiny_bytes, name):
    with pytest.raises(McueditError, match="damaged"):
        parse(tiny.altered(tiny_bytes, REFUSED[name]), "file")


def test_weights_of_another_size_are_named(tiny_bytes):
    """As they are in models packed for Xtensa cores, which are whole."""
    change = set_to(lambda m: tensor(m, 1), "shape", [8, 17])
    with pytest.raises(McueditError, match=r"'w0' has 128 elements for the shape \[8, 17\]; or its weights are packed"):
        parse(tiny.altered(tiny_bytes, change), "file")


CARRIES_NOTHING = {
    "fully connected without weights": set_to(lambda m: op(m, 0), "inputs", [0]),
    "fully connected without outputs": set_to(lambda m: op(m, 0), "outputs", []),
    "hidden layer without quantization": set_to(lambda m: tensor(m, op(m, 0).outputs[0]), "quantization", None),
    "weights that are no matrix": set_to(lambda m: tensor(m, 1), "shape", [8 * 16]),
    "zero point beyond int8": set_to(lambda m: tensor(m, op(m, 0).outputs[0]).quantization, "zeroPoint", [300]),
}


@pytest.mark.parametrize("name", CARRIES_NOTHING)
def test_carries_nothing(tiny_bytes, name):
    first = describe(parse(tiny.altered(tiny_bytes, CARRIES_NOTHING[name])))[0]
    assert (first.tap, first.target, first.bare) == (False, False, False)
    assert first.why_not


@pytest.mark.parametrize("beta", [float("nan"), 0.0, -1.0])
def test_softmax_beta(tiny_bytes, beta):
    model = parse(tiny.altered(tiny_bytes, set_to(lambda m: op(m, 2).builtinOptions, "beta", beta)))
    assert not describe(model)[2].bare


def test_reshape_without_quantization():
    data = tiny.classifier(reshape=True)
    model = parse(tiny.altered(data, set_to(lambda m: tensor(m, op(m, 0).outputs[0]), "quantization", None)))
    assert not describe(model)[0].bare


def test_missing_zero_point_is_zero(tiny_bytes):
    model = parse(tiny.altered(tiny_bytes, set_to(lambda m: tensor(m, 1).quantization, "zeroPoint", None)))
    assert model.tensors[1].zero == 0


def test_bias_of_another_length(tiny_bytes):
    model = parse(tiny.altered(tiny_bytes, set_to(lambda m: tensor(m, 2), "shape", [4, 2])))
    assert describe(model)[0].bare  # as many elements, in another shape

    def shorten(m: Any) -> None:
        m.buffers[tensor(m, 2).buffer].data = m.buffers[tensor(m, 2).buffer].data[:12]
        tensor(m, 2).shape = [3]

    assert not describe(parse(tiny.altered(tiny_bytes, shorten)))[0].bare


def one_op(kind: str, inputs: int = 1, scale: float = 0.1, **options: Any) -> bytes:
    """An op on [1, 4] and a constant of the same shape."""
    net = NetBuilder()
    x, y = net.tensor("x", (1, 4), scale, 0), net.tensor("y", (1, 4), scale, 0)
    c = net.constant("c", np.ones((1, 4), np.int8), [scale])
    net.op(kind, [x, c][:inputs], y, **options)
    return net.pack(x, y)


def filtered(kind: str, bias: list[int]) -> bytes:
    """A 1 x 1 convolution with these inputs after its weights; [0] leaves those out too."""
    net = NetBuilder()
    x, w = net.tensor("x", (1, 1, 1, 2), 0.1, 0), net.constant("w", np.ones((1, 1, 1, 2), np.int8), [0.1])
    y = net.tensor("y", (1, 1, 1, 2 if kind == "DEPTHWISE_CONV_2D" else 1), 0.1, 0)
    more = {"depthMultiplier": 1} if kind == "DEPTHWISE_CONV_2D" else {}
    net.op(kind, [x] if bias == [0] else [x, w, *bias], y, strideH=1, strideW=1, **more)
    return net.pack(x, y)


# TFLM ends the process on these, reads beyond its tensors, or the simulation raised another exception.
NOT_RUN = {
    "convolution without weights": filtered("CONV_2D", [0]),
    "depthwise with a bias of -1": filtered("DEPTHWISE_CONV_2D", [-1]),
    "mean over an activation": tiny.altered(one_op("MEAN", 2), set_to(lambda m: op(m, 0), "inputs", [2, 0])),
    "uint8 beside int8": tiny.altered(one_op("ADD", 2), set_to(lambda m: tensor(m, 2), "type", 3)),
    "scales that are no float's reciprocal": one_op("RELU6", scale=1e-38),
    "activation in tiny steps": one_op("ADD", 2, scale=1e-38, fusedActivationFunction=3),
    "sum of scales too far apart": tiny.altered(
        one_op("SUB", 2), set_to(lambda m: tensor(m, 1).quantization, "scale", [1e-9])
    ),
    "softmax of almost equal logits": tiny.altered(
        one_op("SOFTMAX", scale=1e-9), set_to(lambda m: tensor(m, 1), "quantization", quantization(1 / 256, -128))
    ),
    "op that reads its own output": tiny.altered(one_op("RELU"), set_to(lambda m: op(m, 0), "inputs", [1])),
    "int4 beside int8": tiny.altered(one_op("ADD", 2), set_to(lambda m: tensor(m, 2), "type", 17)),
    "input without axes": tiny.altered(one_op("RELU"), set_to(lambda m: tensor(m, 0), "shape", [])),
}


def test_activation_without_zero_point():
    """TFLM takes it as not quantized, and ends the process in a SUB that writes it."""
    change = set_to(lambda m: tensor(m, 1).quantization, "zeroPoint", None)
    with pytest.raises(McueditError, match="op 0 SUB: output 'y' is INT8, not quantized int8"):
        parse(tiny.altered(one_op("SUB", 2), change))


@pytest.mark.parametrize("name", NOT_RUN)
def test_models_that_are_not_run(name):
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    from mcuedit.model.oracle import Tflm

    model = parse(NOT_RUN[name])
    with pytest.raises(McueditError, match=r"op 0|TensorFlow Lite Micro"):
        Tflm(model).activations(np.zeros((1, *model.input.shape), np.int8), [model.outputs[0]])


def test_int4_delta_of_rank_zero(tiny_model: Model):
    head = encoding.HEADER.pack(encoding.MAGIC, 1, 10, tiny_model.base_id, 0)[:16]
    body = encoding.DELTA.pack(0, 1, 16, 2, 5, 0, 3, 0, 0, -128, 127, 0)
    data = head + zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") + body
    with pytest.raises(McueditError):
        encoding.decode(data, tiny_model)
