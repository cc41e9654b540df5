# SPDX-License-Identifier: Apache-2.0
"""Channels without weights, as converters leave them: scales next to 0, biases next to 2^30."""

from __future__ import annotations

import numpy as np
import pytest

from mcuedit.codegen.ops import lower
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.emulate.backends.engine import Engine
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model, parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")


def net(kind: str, activation: int) -> Model:
    """Four channels; of two of them, neither the scale nor the bias is one that the fast way takes."""
    weights = np.array([[3, 0, -5, 0], [1, 0, 7, 0], [-2, 0, 4, 0], [9, 0, 1, 0]], np.int8)
    made = NetBuilder()
    x, y = made.tensor("x", [1, 2, 2, 4], 0.05, 3), made.tensor("y", [1, 2, 2, 4], 0.1, -7)
    deep = kind == "DEPTHWISE_CONV_2D"
    w = made.constant(
        "w",
        weights[:1].reshape(1, 1, 1, 4) if deep else weights.T.reshape(4, 1, 1, 4),
        [0.01, 3e-9, 0.02, 1e-12],
        axis=3 if deep else 0,
    )
    bias = made.constant("b", np.array([11, 1 << 30, -40, -(1 << 30)], np.int32), [1.0] * 4)
    more = {"depthMultiplier": 1} if deep else {}
    made.op(kind, [x, w, bias], y, strideH=1, strideW=1, fusedActivationFunction=activation, **more)
    return parse(made.pack(x, y), kind)


@pytest.mark.parametrize("activation", [0, 1])
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_they_give_what_they_gave(kind: str, activation: int) -> None:
    model = net(kind, activation)
    x = np.random.default_rng(0).integers(-128, 128, (20, 1, 2, 2, 4), np.int8)
    want = Tflm(model).activations(x, model.outputs)[model.outputs[0]]
    np.testing.assert_array_equal(Engine(model).run(x), want.reshape(20, -1))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_the_others_keep_their_fast_way(kind: str) -> None:
    model = net(kind, 0)
    params = dict(lower(model, model.ops[0]).params)
    (fast,) = (value for name, value in params.items() if name.endswith("no_saturation"))
    assert fast == "1"
