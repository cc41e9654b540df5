# SPDX-License-Identifier: Apache-2.0
"""ADD, SUB, MUL, AVERAGE_POOL_2D and MEAN where SMLAD or MVE take their own way: halves, tails, bounds of halfwords."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.virtual import needs_qemu

from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.emulate import runner
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model, parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

SHAPE = (1, 17, 19, 7)  # 2,261 elements: a tail of one; 323 of a channel, more than a halfword holds
X = 0.05  # scale of the input
# kind -> scale of the other operand, scale of the output, activation
SUMS = {
    "both are halves": ("ADD", X, 0.07, 0),
    "the first is the half": ("SUB", X / 3, 0.05, 0),
    "the second is the half": ("SUB", X * 3, 0.2, 1),
    "the other one is shifted far": ("ADD", X / 3e7, 0.05, 3),
    "the other one is nothing": ("ADD", X / 3e10, 0.05, 0),
    "the sum is not shifted": ("SUB", X, X / 5e5, 0),
    "the sum is clamped": ("ADD", X / 2, 0.01, 2),
    "the product is shifted": ("MUL", X, 0.01, 0),
    "the product is clamped": ("MUL", X, 0.03, 3),
    "the product is not shifted": ("MUL", 0.5, 0.04, 0),
    "the product is shifted to the left": ("MUL", 0.5, 0.007, 1),
    "the product is nothing": ("MUL", 1e-12, 0.04, 0),
}


def net() -> Model:
    rng = np.random.default_rng(0)
    made = NetBuilder()
    x, outputs = made.tensor("x", SHAPE, X, -3), []
    for name, (kind, other, out, activation) in SUMS.items():
        values = made.constant(name, rng.integers(-128, 128, SHAPE).astype(np.int8), [other], zero=5)
        outputs.append(made.tensor(name, SHAPE, out, 11))
        made.op(kind, [x, values], outputs[-1], fusedActivationFunction=activation)
    for high, wide in ((17, 19), (13, 19), (3, 5)):
        shape = (1, 18 - high, 20 - wide, SHAPE[3])
        outputs.append(made.tensor(f"mean of {high * wide}", shape, X, -3))
        made.op(
            "AVERAGE_POOL_2D", [x], outputs[-1], padding=1, strideH=1, strideW=1, filterHeight=high, filterWidth=wide
        )
    for axes, shape in ([1, 2], (1, 7)), ([1], (1, 19, 7)), ([2], (1, 17, 7)), ([3], (1, 17, 19)), ([1, 3], (1, 19)):
        outputs.append(made.tensor(f"mean over {axes}", shape, 0.03, 7))
        made.op("MEAN", [x, made.constant("axes", np.array(axes, np.int32))], outputs[-1])
    return parse(made.pack(x, outputs), "sums")


@pytest.mark.parametrize(
    ("emulator", "board"),
    [("host", None), ("unicorn", "virt-m4"), pytest.param("qemu", "mps3-an547", marks=needs_qemu)],
)
def test_same_bytes_as_tflm(emulator: str, board: str | None) -> None:
    model = net()
    rng = np.random.default_rng(1)
    bounds = [np.full(SHAPE[1:], value) for value in (-128, 127)]
    x = np.array([*bounds, *rng.integers(-128, 128, (3, *SHAPE[1:]))], np.int8)[:, None]
    found = Tflm(model).activations(x, model.outputs)
    want = np.concatenate([found[output].reshape(len(x), -1) for output in model.outputs], axis=1)
    got = runner.run(Base("sums", model), options=RunOptions(emulator, board=board), inputs=x).outputs
    np.testing.assert_array_equal(got, want)
