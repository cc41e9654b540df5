# SPDX-License-Identifier: Apache-2.0
"""Ops on elements that have no defined result in some quantizations are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.tflite import Model, parse


def quotient(divisors: tuple[int, ...], s_out: float) -> Model:
    net = NetBuilder()
    x, y = net.tensor("x", (1, 3), 0.5, 3), net.tensor("y", (1, 3), s_out, 0)
    net.op("DIV", [x, net.constant("c", np.array(divisors, np.int8), [0.25], zero=-7)], y)
    return parse(net.pack(x, y), "quotient")


def root(zero: int) -> Model:
    net = NetBuilder()
    x, y = net.tensor("x", (1, 3), 0.5, zero), net.tensor("y", (1, 3), 0.01, 0)
    net.op("RSQRT", [x], y)
    return parse(net.pack(x, y), "root")


REFUSED = {
    "a root of what may be negative": (root(0), "op 0 RSQRT: an input with zero point 0"),
    "a constant divisor of zero": (quotient((1, -7, 3), 2.0**-8), "op 0 DIV: a divisor of 0"),
    "quotients that TFLM shifts too far": (quotient((1, -128, 120), 1.0), "op 0 DIV: scales .* by more than 31 bits"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_undefined_result_is_refused(what: str) -> None:
    model, words = REFUSED[what]
    with pytest.raises(McueditError, match=words):
        ops.operator(model, model.ops[0])
    with pytest.raises(McueditError, match=words):
        codegen.plan_arena(model)


def test_only_the_divisors_that_occur_count() -> None:
    ops.operator(quotient((1, -6, -8), 0.5), quotient((1, -6, -8), 0.5).ops[0])
