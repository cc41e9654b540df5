# SPDX-License-Identifier: Apache-2.0
"""The generated base and firmware/kernels against TFLM, byte for byte, on every activation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.native import Native, reference

from mcuedit import codegen
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model, load, parse

runtime = pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")


def fully_connected(
    *,
    shape: tuple[int, ...] = (1, 24),
    n_out: int = 13,
    activation: int = 0,
    per_channel: bool = False,
    bias: bool = True,
    zx: int = -17,
    zy: int = 11,
    out_scale: float = 0.1,
    weight_scale: float = 0.01,
    seed: int = 0,
) -> bytes:
    """One op, weights over their whole range."""
    rng = np.random.default_rng(seed)
    net = NetBuilder()
    x = net.tensor("x", list(shape), 1 / 16, zx)
    n_in = shape[-1]
    scales = weight_scale * rng.uniform(0.1, 1, n_out) if per_channel else np.full(1, weight_scale)
    w = net.constant("w", rng.integers(-127, 128, (n_out, n_in)).astype(np.int8), scales)
    b = net.constant("b", rng.integers(-9999, 9999, n_out).astype(np.int32), scales / 16) if bias else -1
    y = net.tensor("y", [*shape[:-1], n_out], out_scale, zy)
    keep = len(shape) > 2
    net.op("FULLY_CONNECTED", [x, w, b], y, fusedActivationFunction=activation, keepNumDims=keep)
    return net.pack(x, y)


def softmax(shape: tuple[int, ...], scale: float, beta: float = 1.0) -> bytes:
    net = NetBuilder()
    x = net.tensor("x", list(shape), scale, 3)
    y = net.tensor("y", list(shape), 1 / 256, -128)
    net.op("SOFTMAX", [x], y, beta=beta)
    return net.pack(x, y)


def check(model: Model, x: np.ndarray, folder: Path, *, preserve: bool = False) -> Native:
    """C, numpy and TFLM agree."""
    native = Native(Base("net", model), folder, preserve=preserve)
    got, arenas = native.infer(x)
    tensors = sorted(native.plan.places)
    want = Tflm(model).activations(x.reshape(len(x), *model.input.shape), tensors)
    np.testing.assert_array_equal(got, want[model.outputs[0]].reshape(len(x), -1))
    simulated = reference(model, [], x)
    for tensor in tensors:
        np.testing.assert_array_equal(simulated[tensor].reshape(len(x), -1), want[tensor].reshape(len(x), -1))
    for tensor in tensors if preserve else [native.plan.logits]:
        place = native.plan.places[tensor]
        if place.where == "arena":
            part = arenas[:, place.offset : place.offset + place.size]
            np.testing.assert_array_equal(part, want[tensor].reshape(len(x), -1))
    return native


def uniform(model: Model, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (n, model.input.size)).astype(np.int8)


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "no bias, no zero point": {"bias": False, "zx": 0},
    "per channel": {"per_channel": True},
    "rows": {"shape": (1, 3, 10)},
    "four dimensions": {"shape": (1, 2, 3, 9), "per_channel": True},
    "RELU": {"activation": 1, "zy": -128},
    "RELU with zero point": {"activation": 1},
    "RELU_N1_TO_1": {"activation": 2, "out_scale": 0.03},
    "RELU6": {"activation": 3, "out_scale": 0.07, "zy": -60},
    "left shift": {"weight_scale": 0.9, "out_scale": 0.02},
    "large left shift": {"weight_scale": 40.0, "out_scale": 0.01, "per_channel": True},
    "one output": {"n_out": 1, "shape": (1, 1)},
    "odd width": {"shape": (1, 131), "n_out": 3},
}


@pytest.mark.parametrize("case", CASES)
def test_fully_connected(case: str, tmp_path: Path) -> None:
    model = parse(fully_connected(**CASES[case]), case)
    check(model, uniform(model, 200), tmp_path)


@pytest.mark.parametrize(
    ("shape", "scale", "beta"),
    [
        ((1, 10), 0.25, 1.0),
        ((1, 7), 0.01, 1.0),
        ((1, 5), 2.0, 1.0),
        ((4, 6), 0.1, 1.0),
        ((1, 300), 0.15, 0.5),
        ((1, 2), 0.4, 2.0),
    ],
)
def test_softmax(shape: tuple[int, ...], scale: float, beta: float, tmp_path: Path) -> None:
    model = parse(softmax(shape, scale, beta), "softmax")
    x = uniform(model, 200)
    x[:20] = 0
    x[20:40] = np.random.default_rng(1).integers(-4, 5, (20, model.input.size))
    check(model, x, tmp_path)


@pytest.mark.parametrize("preserve", [False, True])
@pytest.mark.parametrize("options", [{}, {"reshape": True}, {"softmax": False}, {"per_channel": True, "in_zero": -5}])
def test_networks(options: dict[str, Any], preserve: bool, tmp_path: Path) -> None:
    model = parse(tiny.classifier((20, 33, 9, 17), seed=4, **options), "net")
    check(model, uniform(model, 100), tmp_path, preserve=preserve)


def test_only_a_reshape_moves_the_bytes(tmp_path: Path) -> None:
    net = NetBuilder()
    x, y = net.tensor("x", [1, 2, 4], 0.1, 0), net.tensor("y", [1, 8], 0.1, 0)
    net.op("RESHAPE", [x, net.constant("shape", np.array([1, 8], np.int32))], y)
    model = parse(net.pack(x, y), "reshape")
    check(model, uniform(model, 5), tmp_path)


def test_answer_is_read_before_a_softmax_behind_which_bytes_tie(tmp_path: Path) -> None:
    model = parse(tiny.classifier((20, 33, 9, 17)), "net")
    plan = codegen.plan_arena(model)
    assert model.tensors[plan.logits].name == "logits"
    assert plan.places[plan.logits].where == "arena"


def test_arena_is_reused() -> None:
    model = parse(tiny.classifier((512, 128, 64, 512)), "net")
    assert codegen.plan_arena(model).arena_size == 512 + 512  # logits and output, as in TFLM
    assert codegen.plan_arena(model, preserve=True).arena_size == 512 + 128 + 64 + 512 + 512


def test_mlperf_anomaly_detection(tmp_path: Path) -> None:
    path = Path(__file__).resolve().parents[2].parent / "shared" / "models" / "ad01_int8.tflite"
    if not path.is_file():
        pytest.skip("no ad01_int8.tflite in ../shared/models")
    model = load(path)
    check(model, uniform(model, 60), tmp_path)


@pytest.mark.parametrize("per_tensor", [True, False])
def test_tensorflow_converter(per_tensor: bool, tmp_path: Path) -> None:
    """What users bring: a Keras model through the converter."""
    tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: pip install 'mcuedit[tensorflow]'")
    tf.keras.utils.set_random_seed(7)
    layers = [tf.keras.Input((4, 6)), tf.keras.layers.Flatten(), tf.keras.layers.Dense(19, "relu6")]
    net = tf.keras.Sequential([*layers, tf.keras.layers.Dense(12), tf.keras.layers.Softmax()])
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    samples = np.random.default_rng(0).normal(0, 1, (60, 1, 4, 6)).astype(np.float32)
    converter.representative_dataset = lambda: ([row] for row in samples)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = per_tensor
    model = parse(converter.convert(), "keras")
    check(model, uniform(model, 200), tmp_path, preserve=True)
