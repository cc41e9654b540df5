# SPDX-License-Identifier: Apache-2.0
"""What the bare runtime refuses, by op and name, and what it needs no code for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.codegen.ops import lower
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.tflite import Model, parse


def int32(net: NetBuilder, *values: int) -> int:
    return net.constant("n", np.array(values, np.int32))


def model(shape: list[int], build: Callable[[NetBuilder, int], int]) -> Model:
    net = NetBuilder()
    x = net.tensor("x", shape, 0.1, 3)
    return parse(net.pack(x, build(net, x)), "net")


def one_op(kind: str, shape: list[int], out: list[int], *operands: Any, scale: float = 0.1, **options: Any) -> Model:
    def build(net: NetBuilder, x: int) -> int:
        y = net.tensor("y", out, scale, 3)
        net.op(kind, [x, *(int32(net, *values) for values in operands)], y, **options)
        return y

    return model(shape, build)


def with_constant(net: NetBuilder, x: int, values: npt.NDArray[Any]) -> int:
    y = net.tensor("y", [1, 4], 0.1, 0)
    net.op("ADD", [x, net.constant("c", values, 0.1)], y)
    return y


REFUSED = {
    "padding that does not fit": (one_op("PAD", [1, 2], [1, 5], (0, 0, 1, 1)), r"op 0 PAD: \[1, 2\] padded by"),
    "slice of another size": (
        one_op("STRIDED_SLICE", [1, 4], [1, 4], (0, 0), (1, 3), (1, 1)),
        "op 0 STRIDED_SLICE: .* is not",
    ),
    "order of too few axes": (one_op("TRANSPOSE", [1, 2, 3], [1, 3, 2], (0, 1)), "op 0 TRANSPOSE: "),
    "mean that requires more axes": (one_op("MEAN", [1, 2, 3], [1, 3], (3,)), "op 0 MEAN: axes"),
    "pool that requantizes": (
        one_op(
            "MAX_POOL_2D", [1, 4, 4, 1], [1, 4, 4, 1], scale=0.2, strideH=1, strideW=1, filterHeight=1, filterWidth=1
        ),
        "op 0 MAX_POOL_2D: input and output are quantized differently",
    ),
    "pool over too long a line": (
        one_op("MAX_POOL_2D", [1, 70000, 1, 1], [1, 70000, 1, 1], strideH=1, strideW=1, filterHeight=1, filterWidth=1),
        "op 0 MAX_POOL_2D: a length of 70000, at most 65535 fit",
    ),
    "sum of shapes that do not fit": (
        model([1, 4], lambda net, x: with_constant(net, x, np.zeros((1, 3), np.int8))),
        "op 0 ADD: shapes",
    ),
    "sum with a constant of another type": (
        model([1, 4], lambda net, x: with_constant(net, x, np.zeros((1, 4), np.int16))),
        "op 0 ADD: operand 'c' is no quantized int8",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_by_op_and_name(case: str) -> None:
    found, message = REFUSED[case]
    with pytest.raises(McueditError, match=message):
        codegen.plan_arena(found)


def test_an_activation_of_another_type_is_refused_by_op_and_name() -> None:
    def build(net: NetBuilder, x: int) -> int:
        other, y = net.tensor("other", [1, 4], 0.1, 0, dtype="UINT8"), net.tensor("y", [1, 4], 0.1, 0)
        net.op("QUANTIZE", [x], other)
        net.op("QUANTIZE", [other], y)
        return y

    with pytest.raises(McueditError, match="op 0 QUANTIZE: tensor 'other' is UINT8, not int8"):
        codegen.plan_arena(model([1, 4], build))


@pytest.mark.parametrize(
    "found",
    [
        one_op("TRANSPOSE", [1, 5, 1, 3], [5, 3, 1, 1], (1, 3, 0, 2)),
        one_op("PAD", [1, 5], [1, 5], (0, 0, 0, 0)),
        one_op("STRIDED_SLICE", [2, 5], [2, 5], (0, 0), (2, 9), (1, 1)),
        one_op("RESHAPE", [1, 6], [2, 3], (2, 3)),
    ],
    ids=lambda found: found.ops[0].kind,
)
def test_bytes_that_stay_need_no_code(found: Model) -> None:
    assert lower(found, found.ops[0]).function == ""


def test_axes_that_lie_together_are_one_loop() -> None:
    found = one_op("TRANSPOSE", [2, 3, 4, 5], [4, 5, 2, 3], (2, 3, 0, 1))
    params = dict(lower(found, found.ops[0]).params)
    assert (params["depth"], params["count"], params["input_step"]) == ("1", "6", "20")


def test_operands_of_one_shape_are_one_loop() -> None:
    def build(net: NetBuilder, x: int) -> int:
        y = net.tensor("y", [1, 4, 4, 2], 0.1, 0)
        net.op("MUL", [x, x], y)
        return y

    found = model([1, 4, 4, 2], build)
    lowered = lower(found, found.ops[0])
    assert (dict(lowered.params)["depth"], dict(lowered.params)["count"]) == ("0", "32")
    assert codegen.plan_arena(found).arena_size == 32
