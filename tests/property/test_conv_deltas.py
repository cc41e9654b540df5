# SPDX-License-Identifier: Apache-2.0
"""Deltas on CONV_2D: rows are the windows, element by element; each output position is on its own."""

from __future__ import annotations

import dataclasses

import numpy as np
from helpers import deltas
from helpers.convs import Conv, any_conv
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit.adapter.delta import add, check
from mcuedit.adapter.forward import Trace, with_deltas
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.tflite import Model, parse


def inputs(conv: Conv, n: int = 4, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).integers(-128, 128, (n, conv.batches, *conv.size, conv.c_in)).astype(np.int8)
    x.flat[: x.size // 4] = np.where(x.flat[: x.size // 4] < 0, -128, 127)
    return x


def outputs(model: Model, n: int, seed: int = 1) -> np.ndarray:
    """Any bytes: a delta is added to whatever the kernel made, within its activation range."""
    geometry = op_geometry(model, 0)
    return (
        np.random.default_rng(seed)
        .integers(geometry.act_lo, geometry.act_hi + 1, (n, *model.output.shape))
        .astype(np.int8)
    )


@given(any_conv())
@settings(max_examples=150)
def test_rows_are_windows(conv: Conv) -> None:
    model = parse(conv.tflite())
    geometry = op_geometry(model, 0)
    x = inputs(conv)
    want = conv.patches(x)
    np.testing.assert_array_equal(geometry.positions_of(x), want)
    assert (geometry.positions, geometry.n_in, geometry.n_out) == (*want.shape[1:], conv.c_out)
    assert (geometry.window is None) == (conv.kernel == conv.stride == (1, 1))


@given(any_conv(), st.integers(0, 1000), st.sampled_from([8, 4]), st.booleans())
@settings(max_examples=80)
def test_each_position_is_on_its_own(conv: Conv, seed: int, bits: int, gated: bool) -> None:
    model = parse(conv.tflite())
    made = [
        deltas.delta(model, 0, 0, rank=1 + i, bits=bits, gated=gated, rows=None if i else 1, seed=seed + i)
        for i in range(2)
    ]
    for delta in made:
        check(delta, model)
    x, y = inputs(conv, seed=seed), outputs(model, 4)
    got = with_deltas(model, made, Trace({model.inputs[0]: x, model.outputs[0]: y})).values[model.outputs[0]]
    rows = y.reshape(len(y), -1, conv.c_out)
    want = add(made, [delta.project(conv.patches(x)) for delta in made], rows)
    np.testing.assert_array_equal(got, want.reshape(y.shape))


def test_closed_positions_keep_their_bytes() -> None:
    conv = Conv(size=(8, 8), stride=(2, 2), c_out=9)
    model = parse(conv.tflite())
    made = deltas.delta(model, 0, 0, rows=None, seed=3)
    x, y = inputs(conv, 20), outputs(model, 20)
    base = Trace({model.inputs[0]: x, model.outputs[0]: y})
    got = with_deltas(model, [made], base).values[model.outputs[0]]
    is_open = made.project(conv.patches(x)).any(axis=-1).reshape(20, *model.output.shape[:-1])
    assert 0 < is_open.sum() < is_open.size
    np.testing.assert_array_equal(got[~is_open], y[~is_open])
    assert (got[is_open] != y[is_open]).any(axis=-1).mean() > 0.9
    closed = dataclasses.replace(made, c=np.full(1, -(1 << 30)))
    assert with_deltas(model, [closed], base).values[model.outputs[0]] is y
