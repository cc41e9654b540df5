# SPDX-License-Identifier: Apache-2.0
"""Activations of one size: TFLM places the last of them first, and the bound of its arena took the first one first."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.arena import planned_by_tflm
from helpers.stateful import svdf

from mcuedit.codegen.tflm_arena import arena_size
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.tflite import parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")


def test_the_arena_holds_what_tflm_plans() -> None:
    net = NetBuilder()
    x = now = net.tensor("x", [1, 64, 64, 12], 0.1, 0)
    for before, channels in ((12, 8), (8, 8), (8, 16), (16, 1)):
        weights = net.constant("w", np.ones((channels, 1, 1, before), np.int8), [0.1] * channels)
        y = net.tensor("y", [1, 64, 64, channels], 0.1, 0)
        net.op("CONV_2D", [now, weights], y, strideH=1, strideW=1)
        now = y
    model = parse(net.pack(x, now), "net")
    assert planned_by_tflm(model) <= arena_size(model)


def test_the_arena_holds_what_tflm_keeps_between_inferences() -> None:
    """A variable lies among what lasts, beside all that is planned; the bound left it out."""
    (short,), (long,) = ([t for t in svdf(memory).tensors if t.variable] for memory in (3, 2000))
    grown = arena_size(svdf(2000)) - arena_size(svdf(3))
    assert grown > long.nbytes - short.nbytes - 16  # all there is aligned
