# SPDX-License-Identifier: Apache-2.0
"""The numpy ops against TensorFlow Lite Micro's own kernels, byte for byte, on random models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit.model import ops
from mcuedit.model.tflite import Model, parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

EXTREMES = np.array([[-128], [127], [0], [-1]], np.int8)


def agree(model: Model, seed: int, count: int = 12) -> None:
    """Every activation of extreme and random inputs is the same."""
    from mcuedit.model.oracle import Tflm

    shape = model.input.shape
    rng = np.random.default_rng(seed)
    rows = [np.repeat(EXTREMES, model.input.size, axis=1)]
    rows += [rng.integers(-128, 128, (count, model.input.size)), rng.choice([-128, 127], (4, model.input.size))]
    x = np.concatenate(rows).astype(np.int8).reshape(-1, *shape)
    found = Tflm(model).activations(x, [op.outputs[0] for op in model.ops])
    for op in model.ops:
        x = ops.operator(model, op).forward(x)
        np.testing.assert_array_equal(x, found[op.outputs[0]], f"op {op.index} {op.kind}")


def requantized(scales: dict[str, float], zeros: dict[str, int], activation: int, rows: int) -> Callable[[Any], None]:
    """Gives tensors other scales and zero points, the hidden layer an activation, and the input several rows."""

    def change(m: Any) -> None:
        named = {t.name.decode(): t for t in m.subgraphs[0].tensors}
        for name, t in named.items():
            if name in scales:
                t.quantization.scale, t.quantization.zeroPoint = [scales[name]], [zeros[name]]
            if t.buffer == 0:
                t.shape = [rows, t.shape[-1]]
        # TFLM wants the scale of a bias to be the product of those of input and weights.
        named["b1"].quantization.scale = [scales["hidden0"] * s for s in named["w1"].quantization.scale]
        m.subgraphs[0].operators[0].builtinOptions.fusedActivationFunction = activation

    return change


widths = st.lists(st.sampled_from([1, 2, 3, 7, 16, 33]), min_size=2, max_size=4)
scale = st.floats(2.0**-7, 1.0)
zero = st.integers(-128, 127)


@given(widths, st.booleans(), st.booleans(), zero, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_random_nets(layers, per_channel, softmax, in_zero, seed):
    net = tiny.classifier(layers, seed=seed, softmax=softmax, per_channel=per_channel, in_zero=in_zero)
    agree(parse(net), seed)


@given(scale, zero, scale, zero, st.integers(0, 3), st.integers(1, 4), st.booleans(), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_quantization_activation_and_rows(s_hidden, z_hidden, s_logits, z_logits, activation, rows, per_channel, seed):
    net = tiny.classifier((9, 6, 5), seed=seed, per_channel=per_channel)
    scales, zeros = {"hidden0": s_hidden, "logits": s_logits}, {"hidden0": z_hidden, "logits": z_logits}
    agree(parse(tiny.altered(net, requantized(scales, zeros, activation, rows))), seed)


@given(st.floats(2.0**-12, 8.0), st.sampled_from([0.25, 1.0, 3.0]), st.sampled_from([1, 2, 10, 256]), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_softmax_of_any_scale(logit_scale, beta, classes, seed):
    def change(m: Any) -> None:
        m.subgraphs[0].tensors[3].quantization.scale = [logit_scale]
        m.subgraphs[0].operators[1].builtinOptions.beta = beta

    agree(parse(tiny.altered(tiny.classifier((8, classes), seed=seed), change)), seed)


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_reshape(seed):
    agree(parse(tiny.classifier(reshape=True, seed=seed)), seed)


def test_extreme_weights():
    """Weights of -128, which converters avoid but files may hold, against inputs of -128."""

    def change(m: Any) -> None:
        buffer = m.buffers[m.subgraphs[0].tensors[1].buffer]
        buffer.data = np.full(len(buffer.data), 128, np.uint8)

    agree(parse(tiny.altered(tiny.classifier((1024, 8, 6)), change)), 0)


def test_a_layer_without_bias():
    def change(m: Any) -> None:
        m.subgraphs[0].operators[0].inputs = [*m.subgraphs[0].operators[0].inputs[:2], -1]

    agree(parse(tiny.altered(tiny.classifier(), change)), 0)
