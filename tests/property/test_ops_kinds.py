# SPDX-License-Identifier: Apache-2.0
"""Every kind of numpy op against TensorFlow Lite Micro, byte for byte, on random models and nets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit.conformance import int16, oneop
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier
from mcuedit.model.ops.int16.kinds import WIDE
from mcuedit.model.ops.kinds import KINDS
from mcuedit.model.rims import CORE
from mcuedit.model.tflite import Model, load, parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

BYTES = np.arange(-128, 128).astype(np.int8)
seeds = st.integers(0, 1 << 30)


def agree(model: Model, x: np.ndarray) -> None:
    """Every op gives TFLM's bytes."""
    from mcuedit.model.oracle import Tflm

    made = [t for op in model.ops for t in op.outputs if model.tensors[t].dtype in CORE]
    found = Tflm(model).activations(x, [model.inputs[0], *made])
    for op in (op for op in model.ops if model.sources(op) and op.outputs):
        for k, made in enumerate(op.outputs):
            y = ops.operator(model, op, k).forward(*(found[t] for t in model.sources(op)))
            np.testing.assert_array_equal(y, found[made], f"op {op.index} {op.kind}, output {k}")


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_one_op(kind, seed):
    rng = np.random.default_rng(seed)
    model = parse(oneop.random_model(kind, rng), kind)
    agree(model, oneop.random_inputs(model, rng, 10))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hundreds_of_models(kind):
    for seed in range(500):
        rng = np.random.default_rng(seed)
        model = parse(oneop.random_model(kind, rng), kind)
        agree(model, oneop.random_inputs(model, rng, 10))


@pytest.mark.parametrize("kind", WIDE)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_one_op_of_16_bits(kind, seed):
    rng = np.random.default_rng(seed)
    model = parse(int16.random_model(kind, rng), kind)
    agree(model, oneop.random_inputs(model, rng, 10))


@pytest.mark.slow
@pytest.mark.parametrize("kind", WIDE)
def test_hundreds_of_models_of_16_bits(kind):
    for seed in range(500):
        rng = np.random.default_rng(seed)
        model = parse(int16.random_model(kind, rng), kind)
        agree(model, oneop.random_inputs(model, rng, 10))


@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_small_nets(seed):
    rng = np.random.default_rng(seed)
    model = parse(oneop.random_net(rng), "net")
    agree(model, oneop.random_inputs(model, rng, 10))


def test_mlperf_nets(shared_model):
    model = load(shared_model)
    agree(model, oneop.random_inputs(model, np.random.default_rng(0), 20))


def unary(kind: str, s_in: float, s_out: float) -> Model:
    net = NetBuilder()
    x, y = net.tensor("x", (1, 256), s_in, 0), net.tensor("y", (1, 256), s_out, 0)
    net.op(kind, [x], y)
    return parse(net.pack(x, y), kind)


def ties(rng: np.random.Generator, count: int) -> list[tuple[np.float32, np.float32]]:
    """Scales whose ratio, taken in float, gives other bytes than taken in double."""
    found: list[tuple[np.float32, np.float32]] = []
    while len(found) < count:
        s_out = np.float32(rng.uniform(0.01, 1))
        s_in = np.float32(float(s_out) * (rng.integers(0, 128) + 0.5) / rng.integers(1, 128))
        ratios = float(s_in) / float(s_out), float(s_in / s_out)
        tables = [mbqm(BYTES, *quantize_multiplier(ratio)).clip(-128, 127) for ratio in ratios]
        if (tables[0] != tables[1]).any():
            found.append((s_in, s_out))
    return found


@pytest.mark.parametrize("kind", ["ABS", "LEAKY_RELU", "QUANTIZE", "RELU"])
def test_ratios_of_scales_are_taken_in_double(kind):
    for s_in, s_out in ties(np.random.default_rng(0), 10):
        agree(unary(kind, float(s_in), float(s_out)), BYTES.reshape(1, 1, 256))


@pytest.mark.parametrize("kind", ["FULLY_CONNECTED", "CONV_2D"])
def test_multipliers_are_exact_to_the_last_bit(kind):
    """Biases at the ties of 2000 channels: a product of scales in float would show."""
    rng, channels = np.random.default_rng(1), 2000
    for _ in range(4):
        s_in, s_w = np.float32(rng.uniform(0.01, 1, 2))
        s_out = np.float32(float(s_in) * float(s_w) * 2**22 * rng.uniform(0.5, 1))
        ratio = float(s_in) * float(s_w) / float(s_out)
        bias = np.round((rng.integers(-120, 120, channels) + 0.5) / ratio) + rng.integers(-1, 2, channels)
        net, ones = NetBuilder(), () if kind == "FULLY_CONNECTED" else (1, 1)
        x = net.tensor("x", (1, *ones, 1), float(s_in), 0)
        w = net.constant("w", np.zeros((channels, *ones, 1), np.int8), [s_w])
        b = net.constant("b", bias.astype(np.int32), [float(s_in) * float(s_w)])
        y = net.tensor("y", (1, *ones, channels), float(s_out), 0)
        strides = {"strideH": 1, "strideW": 1} if ones else {}
        net.op(kind, [x, w, b], y, **strides)
        agree(parse(net.pack(x, y), kind), np.zeros((1, 1, *ones, 1), np.int8))


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "HARD_SWISH", "RELU6"])
def test_scales_far_apart(kind):
    rng = np.random.default_rng(2)
    for _ in range(40):
        s_in = 2.0 ** rng.uniform(-24, 6)
        s_out = {"LOGISTIC": 1 / 256, "TANH": 1 / 128}.get(kind, s_in * 2.0 ** rng.uniform(-6, 16))
        net = NetBuilder()
        x = net.tensor("x", (1, 256), s_in, int(rng.integers(-128, 128)))
        y = net.tensor("y", (1, 256), s_out, -128 if kind == "LOGISTIC" else int(rng.integers(-128, 128)))
        net.op(kind, [x], y)
        agree(parse(net.pack(x, y), kind), BYTES.reshape(1, 1, 256))
