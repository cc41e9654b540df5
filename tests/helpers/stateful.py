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
