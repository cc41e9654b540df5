# SPDX-License-Identifier: Apache-2.0
"""Random int8 models of one op, or a few, and inputs that hurt: what every runtime is compared on."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import Int8Array
from mcuedit.conformance import draws, draws_more
from mcuedit.conformance.draws import Draw, Drawing, Ref
from mcuedit.model.tflite import Model

_IMAGES, _ANY, _SOME = (4, 4), (1, 5), (1, 4)  # how many axes an input may have
_OPS: dict[str, tuple[Draw, tuple[int, int]]] = {
    "ADD": (draws.binary("ADD"), _ANY),
    "AVERAGE_POOL_2D": (draws.pool("AVERAGE_POOL_2D"), _IMAGES),
    "CONCATENATION": (draws_more.concatenation, _ANY),
    "CONV_2D": (draws.convolution, _IMAGES),
    "DEPTHWISE_CONV_2D": (draws.depthwise, _IMAGES),
    "FULLY_CONNECTED": (draws.fully_connected, (2, 4)),
    "HARD_SWISH": (draws_more.curve("HARD_SWISH"), _ANY),
    "LEAKY_RELU": (draws_more.curve("LEAKY_RELU"), _ANY),
    "LOGISTIC": (draws_more.curve("LOGISTIC"), _ANY),
    "MAX_POOL_2D": (draws.pool("MAX_POOL_2D"), _IMAGES),
    "MEAN": (draws_more.mean, _ANY),
    "MUL": (draws.binary("MUL"), _ANY),
    "PAD": (draws_more.pad("PAD"), _ANY),
    "PADV2": (draws_more.pad("PADV2"), _ANY),
    "QUANTIZE": (draws.quantize, _ANY),
    "RELU": (draws_more.curve("RELU"), _ANY),
    "RELU6": (draws_more.curve("RELU6"), _ANY),
    "RESHAPE": (draws_more.reshape, _ANY),
    "SOFTMAX": (draws_more.softmax, _SOME),
    "STRIDED_SLICE": (draws_more.strided_slice, _SOME),
    "SUB": (draws.binary("SUB"), _ANY),
    "TANH": (draws_more.curve("TANH"), _ANY),
    "TRANSPOSE": (draws_more.transpose, _ANY),
}
KINDS = tuple(_OPS)
_BODY = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD", "LEAKY_RELU", "RELU", "HARD_SWISH")


def random_model(kind: str, rng: np.random.Generator) -> bytes:
    """A .tflite of one op; an ADD, SUB, MUL or CONCATENATION may come with the ops that make its second operand.

    Args:
        kind: one of KINDS.
    """
    draw, (fewest, most) = _OPS[kind]
    d = Drawing(rng)
    rank = int(rng.integers(fewest, most + 1))
    shape = (d.pick(1, 1, 2), *d.shape(2, 9), d.pick(1, 2, 3, 4, 6, 8, 17)) if rank == 4 else d.shape(rank)
    x = d.tensor(shape, d.scale(), d.zero())
    return d.net.pack(x.index, draw(d, x).index)


def random_net(rng: np.random.Generator) -> bytes:
    """A small convolutional net of 3 to 6 ops and a few more around branches that meet again."""
    d = Drawing(rng)
    now = x = d.tensor((1, *d.shape(2, 9), d.pick(1, 2, 3, 4, 8)), d.scale(), d.zero())
    for _ in range(int(rng.integers(2, 5))):
        now = _joined(d, now) if d.chance(0.35) else _OPS[str(rng.choice(_BODY))][0](d, now)
    for kind in ("MEAN", "FULLY_CONNECTED", "SOFTMAX")[: d.pick(0, 2, 3)] if d.chance(0.7) else ("RESHAPE",):
        now = _pooled(d, now) if kind == "MEAN" else _OPS[kind][0](d, now)
    if now is x:
        now = draws.quantize(d, now)
    return d.net.pack(x.index, now.index)


def random_graph(rng: np.random.Generator, ops: int) -> bytes:
    """Ops of any kinds, at least so many, each on one of the latest activations; nobody reads some outputs."""
    d = Drawing(rng)
    values = [d.tensor((1, *d.shape(2), d.pick(1, 2, 3, 4)), d.scale(), d.zero())]
    for last in range(ops - 1, -1, -1):
        latest = [value for value in values if value.shape][-3:]  # no op is drawn for scalars
        x = latest[-1 if last == 0 else d.pick(*range(len(latest)))]
        fitting = [draw for draw, (fewest, most) in _OPS.values() if fewest <= len(x.shape) <= most]
        values.append(fitting[d.pick(*range(len(fitting)))](d, x))
    return d.net.pack(values[0].index, values[-1].index)


def _joined(d: Drawing, x: Ref) -> Ref:
    """Two branches: added, or one behind the other."""
    branch = draws.quantize(d, x)
    if d.chance():
        y = d.tensor(x.shape, x.scale * d.scale(0, 2), d.zero())
        d.net.op("ADD", [x.index, branch.index], y.index)
        return y
    y = d.like(branch, (*x.shape[:3], 2 * x.shape[3]))
    back = d.like(branch, x.shape)
    d.net.op("QUANTIZE", [x.index], back.index)
    d.net.op("CONCATENATION", [branch.index, back.index], y.index, axis=3)
    return y


def _pooled(d: Drawing, x: Ref) -> Ref:
    y = d.tensor((x.shape[0], x.shape[3]), x.scale, d.zero())
    d.net.op("MEAN", [x.index, d.integers([1, 2])], y.index)
    return y


def random_inputs(model: Model, rng: np.random.Generator, n: int) -> Int8Array:
    """Inputs: the extremes first, alone and in turn, the zero point, then a mixture of extremes and uniform bytes.

    Returns:
        int8[n, *input]
    """
    shape, size = model.input.shape, model.input.size
    turn = np.where(np.arange(size) % 2, 127, -128)
    fixed = [np.full(size, v) for v in (-128, 127, model.input.zero)] + [turn, -1 - turn]
    mixed = [rng.choice([-128, 127], size), rng.integers(-128, 128, size), rng.integers(-20, 21, size)]
    rows = [*fixed, *mixed] + [rng.integers(-128, 128, size) for _ in range(max(0, n - 8))]
    return np.stack(rows[:n]).astype(np.int8).reshape(n, *shape)
