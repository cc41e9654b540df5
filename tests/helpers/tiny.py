# SPDX-License-Identifier: Apache-2.0
"""Small int8 classifiers as .tflite bytes, made without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mcuedit.conformance.netbuilder import NetBuilder

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
    net = NetBuilder(dtype)
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
        net.op("FULLY_CONNECTED", [x, w, b], y, fusedActivationFunction=0 if last else RELU)
        x = y
    if softmax:
        y = net.tensor("probabilities", [1, widths[-1]], 1 / 256, -128)
        net.op("SOFTMAX", [x], y, beta=1.0)
        x = y
    return net.pack(graph_input, x)


def altered(data: bytes, change: Callable[[Any], None]) -> bytes:
    """A copy of a .tflite after `change` was applied to its object tree (schema.ModelT)."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
