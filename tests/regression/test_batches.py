# SPDX-License-Identifier: Apache-2.0
"""A base whose batch is fixed to more than 1 once broke every comparison with TensorFlow Lite Micro."""

from __future__ import annotations

import numpy as np

from mcuedit.conformance.bytes import random_inputs
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.emulate import runner
from mcuedit.emulate.options import RunOptions
from mcuedit.model import tflite
from mcuedit.model.bundle import Base


def two_at_once() -> bytes:
    """A 3x3 convolution over two images of 4x4x2."""
    rng, net = np.random.default_rng(0), NetBuilder()
    x = net.tensor("input", [2, 4, 4, 2], 0.1, 3)
    weights = net.constant("weights", rng.integers(-127, 128, (5, 3, 3, 2), np.int8), np.full(5, 0.01))
    bias = net.constant("bias", rng.integers(-900, 900, 5, np.int32), np.full(5, 0.001))
    y = net.tensor("output", [2, 4, 4, 5], 0.05, -4)
    net.op("CONV_2D", [x, weights, bias], y, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    return net.pack(x, y)


def test_a_batch_of_two_is_compared() -> None:
    base = Base("two", tflite.parse(two_at_once(), "two"))
    x = random_inputs(base, 5)
    wanted = runner.expected(base, [], runner.best_oracle(base.model), x)
    assert wanted.shape == (5, base.model.output.size)
    assert (runner.run(base, options=RunOptions(emulator="host"), inputs=x).outputs == wanted).all()
