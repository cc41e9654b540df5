# SPDX-License-Identifier: Apache-2.0
"""A base with state."""

from __future__ import annotations

import numpy as np

from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.tflite import Model, parse


def svdf(memory: int = 3) -> Model:
    """SVDF, whose output depends on the last `memory` inputs, then FULLY_CONNECTED."""
    rng = np.random.default_rng(0)
    net = NetBuilder()
    x = net.tensor("x", (1, 4), 1 / 32, 0)
    feature = net.constant("feature", rng.integers(-127, 128, (5, 4)).astype(np.int8), [1 / 64])
    time = net.constant("time", rng.integers(-999, 999, (5, memory)).astype(np.int16), [1 / 512])
    bias = net.constant("bias", np.zeros(5, np.int32), [1 / 512 / 16])
    state = net.tensor("state", (1, 5 * memory), 1 / 16, 0, dtype="INT16", variable=True)
    hidden = net.tensor("hidden", (1, 5), 1 / 16, 0)
    net.op("SVDF", [x, feature, time, bias, state], hidden, rank=1)
    w = net.constant("w", rng.integers(-127, 128, (3, 5)).astype(np.int8), [1 / 64])
    y = net.tensor("y", (1, 3), 1 / 8, 0)
    net.op("FULLY_CONNECTED", [hidden, w], y)
    return parse(net.pack(x, y), "svdf")


def summing(*, before: bool = False) -> Model:
    """The sum of all inputs so far, kept in a resource variable, then FULLY_CONNECTED; with `before` one there, too."""
    net = NetBuilder()
    given = x = net.tensor("x", (1, 4), 1 / 32, 0)
    if before:
        x = net.tensor("turned", (1, 4), 1 / 32, 0)
        net.op("FULLY_CONNECTED", [given, net.constant("turn", np.eye(4, dtype=np.int8)[::-1].copy(), [1.0])], x)
    handle = net.tensor("handle", (), 1.0, 0, dtype="RESOURCE")
    so_far = net.tensor("before", (1, 4), 1 / 32, 0)
    after = net.tensor("after", (1, 4), 1 / 32, 0)
    net.op("VAR_HANDLE", [], handle, container=b"", sharedName=b"sum")
    net.op("READ_VARIABLE", [handle], so_far)
    net.op("ADD", [x, so_far], after)
    net.op("ASSIGN_VARIABLE", [handle, after], [])
    w = net.constant("w", np.random.default_rng(0).integers(-127, 128, (3, 4)).astype(np.int8), [1 / 64])
    y = net.tensor("y", (1, 3), 1 / 8, 0)
    net.op("FULLY_CONNECTED", [after, w], y)
    return parse(net.pack(given, y), "summing")


def listening() -> Model:
    """A net like those of wake words: int8 [1, 3, 40] in, the last four inferences kept, one uint8 score out."""
    net = NetBuilder()
    x = net.tensor("x", (1, 3, 40), 0.102, -128)
    flat, hidden = net.tensor("flat", (1, 120), 0.102, -128), net.tensor("hidden", (1, 8), 0.2, -128)
    net.op("RESHAPE", [x, net.constant("shape", np.array([1, 120], np.int32))], flat)
    sums = np.zeros((8, 3, 40), np.int8)
    for i in range(8):
        sums[i, :, 4 * i : 4 * i + 4] = 20
    net.op("FULLY_CONNECTED", [flat, net.constant("w", sums.reshape(8, 120), [1 / 180])], hidden)
    net.call_once(b"last", np.full((1, 24), -128, np.int8), 0.2, -128)
    handle = net.tensor("handle", (), 1.0, 0, dtype="RESOURCE")
    old, both, new = (net.tensor(name, (1, n), 0.2, -128) for name, n in (("old", 24), ("both", 32), ("new", 24)))
    net.op("VAR_HANDLE", [], handle, container=b"", sharedName=b"last")
    net.op("READ_VARIABLE", [handle], old)
    net.op("CONCATENATION", [old, hidden], both, axis=1)
    begin, size = (net.constant(name, np.array(v, np.int32)) for name, v in (("begin", [0, 8]), ("size", [1, 24])))
    net.op("SLICE", [both, begin, size], new)
    net.op("ASSIGN_VARIABLE", [handle, new], [])
    first = np.zeros((1, 32), np.int8)
    first[0, ::8] = 40
    logit, score = net.tensor("logit", (1, 1), 0.15, 60), net.tensor("score", (1, 1), 1 / 256, -128)
    out = net.tensor("out", (1, 1), 1 / 256, 0, dtype="UINT8")
    bias = net.constant("bias", np.array([-round(8 / (0.2 / 100))], np.int32), [0.2 / 100])
    net.op("FULLY_CONNECTED", [both, net.constant("v", first, [1 / 100]), bias], logit)
    net.op("LOGISTIC", [logit], score)
    net.op("QUANTIZE", [score], out)
    return parse(net.pack(x, out), "listening")
