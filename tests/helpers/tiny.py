# SPDX-License-Identifier: Apache-2.0
"""Small int8 classifiers as .tflite bytes, made without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

IN_SCALE, IN_ZERO = 1 / 16, 0
RELU = 1


def classifier(
    widths: Sequence[int] = (16, 8, 6),
    *,
    seed: int = 0,
    softmax: bool = True,
    reshape: bool = False,
    in_zero: int = IN_ZERO,
    dtype: str = "INT8",
    per_channel: bool = False,
    float_weights: bool = False,
) -> bytes:
    """Fully connected layers of random weights, RELU between them, then SOFTMAX.

    Args:
        widths: of the input and of each layer's output.
        reshape: a RESHAPE from [1, 1, n] stands before the first layer.
        dtype: of the activations; "FLOAT32" gives a dynamic-range model, which mcuedit refuses.
        per_channel: a scale per row of the weights.
        float_weights: weights and biases are float32; with dtype "FLOAT32" this gives a float model.
    """
    rng = np.random.default_rng(seed)
    net = _Net(dtype)
    first = [1, 1, widths[0]] if reshape else [1, widths[0]]
    x = graph_input = net.tensor("input", first, IN_SCALE, in_zero)
    scale = IN_SCALE
    if reshape:
        flat = net.tensor("flat", [1, widths[0]], IN_SCALE, in_zero)
        shape = net.constant("shape", np.array([1, widths[0]], np.int32))
        net.op("RESHAPE", [x, shape], flat)
        x = flat
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        last = i == len(widths) - 2
        weight = rng.normal(0, 1, (n_out, n_in)).clip(-3, 3)
        scales = np.abs(weight).max(1) / 127 if per_channel else np.full(n_out, np.abs(weight).max() / 127)
        q = np.round(weight / scales[:, None]).astype(np.int8)
        bias = rng.normal(0, 1, n_out)
        if float_weights:
            w, b = net.constant(f"w{i}", weight.astype(np.float32)), net.constant(f"b{i}", bias.astype(np.float32))
        else:
            scales = scales if per_channel else scales[:1]
            w = net.constant(f"w{i}", q, scales)
            b = net.constant(f"b{i}", np.round(bias / (scale * scales)).astype(np.int32), scale * scales)
        scale = 0.25 if last else 0.125
        y = net.tensor("logits" if last else f"hidden{i}", [1, n_out], scale, 5 if last else -128)
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = 0 if last else RELU
        net.op("FULLY_CONNECTED", [x, w, b], y, schema.BuiltinOptions.FullyConnectedOptions, options)
        x = y
    if softmax:
        y = net.tensor("probabilities", [1, widths[-1]], 1 / 256, -128)
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        net.op("SOFTMAX", [x], y, schema.BuiltinOptions.SoftmaxOptions, options)
        x = y
    return net.pack(graph_input, x)


class _Net:
    """A model of one subgraph under construction."""

    def __init__(self, dtype: str) -> None:
        self._dtype = getattr(schema.TensorType, dtype)
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.description = "tiny"
        self._model.buffers = [schema.BufferT()]
        self._model.operatorCodes = []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []

    def tensor(self, name: str, shape: list[int], scale: float, zero: int) -> int:
        return self._tensor(name, shape, self._dtype, [scale], [zero], 0)

    def constant(self, name: str, values: np.ndarray, scales: np.ndarray | None = None) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        kind = getattr(schema.TensorType, values.dtype.name.upper())
        listed = [] if scales is None else [float(s) for s in scales]
        return self._tensor(name, list(values.shape), kind, listed, [0] * len(listed), len(self._model.buffers) - 1)

    def _tensor(self, name: str, shape: list[int], kind: int, scale: list[float], zero: list[int], buffer: int) -> int:
        t = schema.TensorT()
        t.name, t.shape, t.type, t.buffer = name.encode(), shape, kind, buffer
        if scale and kind != schema.TensorType.FLOAT32:
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale, t.quantization.zeroPoint = scale, zero
        self._graph.tensors.append(t)
        return len(self._graph.tensors) - 1

    def op(self, kind: str, inputs: list[int], output: int, options_type: int = 0, options: Any = None) -> None:
        code = getattr(schema.BuiltinOperator, kind)
        known = [c.builtinCode for c in self._model.operatorCodes]
        if code not in known:
            entry = schema.OperatorCodeT()
            entry.builtinCode = entry.deprecatedBuiltinCode = code
            entry.version = 4 if kind == "FULLY_CONNECTED" else 1
            self._model.operatorCodes.append(entry)
            known.append(code)
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = known.index(code), inputs, [output]
        op.builtinOptionsType, op.builtinOptions = options_type, options
        self._graph.operators.append(op)

    def pack(self, graph_input: int, output: int) -> bytes:
        self._graph.inputs, self._graph.outputs = [graph_input], [output]
        self._model.subgraphs = [self._graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def altered(data: bytes, change: Callable[[Any], None]) -> bytes:
    """A copy of a .tflite after `change` was applied to its object tree (schema.ModelT)."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
