# SPDX-License-Identifier: Apache-2.0
"""Ends of another type than int8: our arithmetic against TensorFlow Lite Micro's, byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.rims import branching, rimmed, run_file
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit.emulate.backends.engine import Engine
from mcuedit.model.oracle import Tflm
from mcuedit.model.rims import Rim
from mcuedit.model.tflite import Model, parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

EVERY = np.arange(-128, 128).astype(np.int8)
scale = st.floats(2.0**-12, 64.0)
zero = st.integers(-128, 127)
SIZE = 256


def ends(model: Model) -> tuple[Rim, Rim]:
    first, last = model.input_rim(), model.output_rim()
    assert first is not None
    assert last is not None
    return first, last


def floats(rng: np.random.Generator, s: float, z: int) -> np.ndarray:
    """Steps, halves between them, the floats beside these, far outside, and what overflows a float at its rounding."""
    steps = np.float32(s) * (np.arange(-140, 140).astype(np.float32) - np.float32(z))
    halves = np.float32(s) * (np.arange(-140, 140).astype(np.float32) + np.float32(0.5) - np.float32(z))
    near = [np.nextafter(halves, np.float32(side)) for side in (-np.inf, np.inf)]
    wild = np.float32(s) * rng.choice([-1e6, 1e6, 0, -0.0, 0.49999997, -0.49999997, 1e-30], 64).astype(np.float32)
    drawn = rng.normal(0, 100 * s, 136).astype(np.float32)
    return np.concatenate([steps, halves, *near, wild, drawn]).astype(np.float32)


@given(scale, zero, scale, zero, st.integers(0, 2**31))
@settings(max_examples=500, deadline=None)
def test_float_ends(s_in, z_in, s_out, z_out, seed):
    data = rimmed(inner=(s_in, z_in), core=(s_out, z_out), size=SIZE)
    model = parse(data)
    first, last = ends(model)
    values = floats(np.random.default_rng(seed), float(first.inner.scale[0]), z_in)
    values = values[: len(values) // SIZE * SIZE].reshape(-1, 1, SIZE)
    x = first.quantize(values)
    core = Tflm(model).activations(x, [*model.inputs, *model.outputs])
    np.testing.assert_array_equal(core[model.inputs[0]], x)
    for row, inner in zip(values, core[model.outputs[0]], strict=True):
        (want,) = run_file(data, [row])
        np.testing.assert_array_equal(last.dequantize(inner), want)
        assert want.dtype == np.float32


@given(st.sampled_from(["UINT8", "INT16", "INT32"]), scale, scale, zero, scale, scale, zero, st.integers(0, 2**31))
@settings(max_examples=500, deadline=None)
def test_whole_ends(dtype, s_outer, s_in, z_in, s_core, s_given, z_core, seed):
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype.lower())
    z_outer = int(rng.integers(0, 256)) if dtype == "UINT8" else int(rng.integers(-99, 99)) if seed % 2 else 0
    data = rimmed(
        (dtype, s_outer, z_outer), (dtype, s_given, z_outer), inner=(s_in, z_in), core=(s_core, z_core), size=SIZE
    )
    model = parse(data)
    first, last = ends(model)
    values = np.arange(256) if dtype == "UINT8" else rng.integers(-999, 999, 256)
    values = values.astype(dtype.lower()).reshape(1, SIZE)
    if dtype == "INT16":
        values[0, :2] = info.min, info.max
    x = first.quantize(values)
    core = Tflm(model).activations(first.reachable(x)[None], model.outputs)[model.outputs[0]]
    np.testing.assert_array_equal(first.reachable(x), x)
    (want,) = run_file(data, [values])
    np.testing.assert_array_equal(last.dequantize(core[0]), want)
    assert want.dtype == dtype.lower()


@given(scale, zero)
@settings(max_examples=200, deadline=None)
def test_every_byte_is_some_float(s, z):
    first, _ = ends(parse(rimmed(inner=(s, z))))
    np.testing.assert_array_equal(first.quantize(first.taken(EVERY)), EVERY)


@given(
    st.sampled_from(["INT8", "FLOAT32", "UINT8"]),
    st.sampled_from(["INT8", "FLOAT32", "UINT8", "INT16"]),
    st.booleans(),
    st.integers(0, 999),
)
@settings(max_examples=40, deadline=None)
def test_several_inputs_and_outputs(first, last, shared, seed):
    model = parse(branching(first=first, last=last, shared=shared))
    x = np.random.default_rng(seed).integers(-128, 128, (5, 11)).astype(np.int8)
    made = [op.outputs[0] for op in model.ops if model.is_core(op)]
    oracle, engine = Tflm(model), Engine(model)
    want, got = oracle.activations(x, made), engine.activations(x, made)
    for t in made:
        np.testing.assert_array_equal(got[t], want[t], model.tensors[t].name)
    whole = np.concatenate([want[t].reshape(5, -1) for t in model.outputs], axis=1)
    np.testing.assert_array_equal(engine.run(x), whole)
