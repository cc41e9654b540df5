# SPDX-License-Identifier: Apache-2.0
"""Nets that are int8 inside, with another type at their ends, or several of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcuedit.conformance.netbuilder import NetBuilder

End = tuple[str, float, int]  # type, scale, zero point
IN, OUT = ("INT8", 1 / 16, 0), ("INT8", 1 / 4, 3)


def rimmed(
    first: str | End = "FLOAT32",
    last: str | End = "FLOAT32",
    *,
    inner: tuple[float, int] = IN[1:],
    core: tuple[float, int] = OUT[1:],
    middle: bool = False,
    size: int = 6,
) -> bytes:
    """FULLY_CONNECTED of 4 outputs, what the ends are told to be; with `middle` a float op between the int8 ones.

    Args:
        inner, core: scale and zero point of the int8 input and output.
    """
    first, last = (end if isinstance(end, tuple) else (end, 1 / 16, 0) for end in (first, last))
    net, rng = NetBuilder(), np.random.default_rng(0)
    x = net.tensor("x", (1, size), *first[1:], dtype=first[0])
    now = x
    if first[0] != "INT8":
        now = net.tensor("inside", (1, size), *inner)
        net.op("QUANTIZE", [x], now)
    if middle:
        real, back = net.tensor("real", (1, size), 1, 0, dtype="FLOAT32"), net.tensor("back", (1, size), *inner)
        net.op("DEQUANTIZE", [now], real)
        net.op("QUANTIZE", [real], back)
        now = back
    y = net.tensor("y8", (1, 4), *core)
    weights = net.constant("w", rng.integers(-99, 99, (4, size)).astype(np.int8), [1 / 99])
    net.op("FULLY_CONNECTED", [now, weights], y)
    if last[0] != "INT8":
        end = net.tensor("y", (1, 4), *last[1:], dtype=last[0])
        net.op("DEQUANTIZE" if last[0] == "FLOAT32" else "QUANTIZE", [y], end)
        y = end
    return net.pack(x, y)


def tailed(*tail: tuple[str, End], classes: int = 4, last: str = "") -> bytes:
    """FULLY_CONNECTED, and behind it ops one after the other, each with the type and quantization that it gives.

    Args:
        last: an op behind them that no tail may have, with weights.
    """
    net, rng = NetBuilder(), np.random.default_rng(2)
    x, y = net.tensor("x", (1, 6), 1 / 16, 0), net.tensor("y8", (1, classes), 1 / 4, 3)
    weights = rng.integers(-99, 99, (classes, 6)).astype(np.int8)
    net.op("FULLY_CONNECTED", [x, net.constant("w", weights, [1 / 99])], y)
    for i, (kind, (dtype, scale, zero)) in enumerate(tail):
        shape = (1,) if kind == "ARG_MAX" else (1, classes)
        made = net.tensor(f"t{i}", shape, scale, zero, dtype=dtype)
        shaped = {"RESHAPE": np.array(shape, np.int32), "ARG_MAX": np.array([1], np.int32)}
        more = [net.constant(f"c{i}", shaped[kind])] if kind in shaped else []
        options = {"beta": 1.0} if kind == "SOFTMAX" else {"outputType": 2} if kind == "ARG_MAX" else {}
        net.op(kind, [y, *more], made, **options)
        y = made
    if last:
        made = net.tensor("end", (1, classes), 1, 0, dtype="FLOAT32")
        net.op(last, [y, net.constant("more", np.eye(classes, dtype=np.float32))], made)
        y = made
    return net.pack(x, y)


FLOAT = ("FLOAT32", 1.0, 0)
TAILS = {
    "float softmax": (("DEQUANTIZE", FLOAT), ("SOFTMAX", FLOAT)),
    "float logistic": (("DEQUANTIZE", FLOAT), ("LOGISTIC", FLOAT), ("RESHAPE", FLOAT)),
    "wide softmax": (("SOFTMAX", ("INT16", 1 / 65536, -32768)), ("QUANTIZE", ("INT32", 1 / 32768, 0))),
    "class": (("ARG_MAX", ("INT32", 1.0, 0)),),
    "float between": (("DEQUANTIZE", FLOAT), ("SOFTMAX", FLOAT), ("QUANTIZE", ("INT8", 1 / 256, -128))),
}


def branching(*, first: str = "INT8", last: str = "INT8", shared: bool = False) -> bytes:
    """Inputs a[1, 5] and b[1, 2, 3], outputs scores[1, 4], sums[1, 5] of a doubled, and one score.

    Args:
        first, last: type of b, and of sums.
        shared: sums are a RESHAPE of what is doubled, which is an output, too.
    """
    net, rng = NetBuilder(), np.random.default_rng(1)
    a = net.tensor("a", (1, 5), 1 / 8, 0)
    b = given = net.tensor("b", (1, 2, 3), 1 / 16, 128 if first == "UINT8" else 0, dtype=first)
    if first != "INT8":
        b = net.tensor("b8", (1, 2, 3), 1 / 16, 0)
        net.op("QUANTIZE", [given], b)
    flat = net.tensor("flat", (1, 6), 1 / 16, 0)
    net.op("RESHAPE", [b, net.constant("shape", np.array([1, 6], np.int32))], flat)
    scaled = net.tensor("scaled", (1, 5), 1 / 8, 0)
    weights = {n: rng.integers(-99, 99, (n_out, n)).astype(np.int8) for n, n_out in ((5, 4), (6, 5))}
    net.op("FULLY_CONNECTED", [flat, net.constant("w6", weights[6], [1 / 99])], scaled)
    sums = ended = net.tensor("sums", (1, 5), 1 / 4, 0)
    net.op("ADD", [a, scaled], sums)
    scores = net.tensor("scores", (1, 4), 1 / 4, 3)
    net.op("FULLY_CONNECTED", [sums, net.constant("w5", weights[5], [1 / 99])], scores)
    one = net.tensor("one", (1, 1), 1 / 4, 0)
    net.op(
        "FULLY_CONNECTED", [scores, net.constant("w1", rng.integers(-99, 99, (1, 4)).astype(np.int8), [1 / 99])], one
    )
    if shared:
        again = net.tensor("again", (5, 1), 1 / 4, 0)
        net.op("RESHAPE", [sums, net.constant("column", np.array([5, 1], np.int32))], again)
        return net.pack([a, given], [scores, sums, again, one])
    if last != "INT8":
        ended = net.tensor("ended", (1, 5), 1 / 4, 128 if last == "UINT8" else 0, dtype=last)
        net.op("DEQUANTIZE" if last == "FLOAT32" else "QUANTIZE", [sums], ended)
    return net.pack([a, given], [scores, ended, one])


def run_file(data: bytes, inputs: list[np.ndarray], count: int = 1) -> list[np.ndarray]:
    """The `count` outputs of the file as TensorFlow Lite Micro gives them, for one inference."""
    from tflite_micro import runtime

    net: Any = runtime.Interpreter.from_bytes(data)
    for i, values in enumerate(inputs):
        net.set_input(values, i)
    net.invoke()
    return [np.asarray(net.get_output(i)) for i in range(count)]
