# SPDX-License-Identifier: Apache-2.0
"""Random int8 models of one op, or a few, and inputs that hurt: what every runtime is compared on."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import Int8Array
from mcuedit.conformance import generators
from mcuedit.conformance.generators import Drawing, Ref
from mcuedit.conformance.int16 import wide_rows
from mcuedit.model.ops.kinds import KINDS, part
from mcuedit.model.tflite import Model

_BODY = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD", "LEAKY_RELU", "RELU", "HARD_SWISH")


def random_model(kind: str, rng: np.random.Generator) -> bytes:
    """A .tflite of one op; an ADD, SUB, MUL or CONCATENATION may come with the ops that make its second operand.

    Args:
        kind: one of `mcuedit.model.ops.kinds.KINDS`.
    """
    fewest, most = KINDS[kind].axes
    d = Drawing(rng)
    rank = int(rng.integers(fewest, most + 1))
    shape = (d.pick(1, 1, 2), *d.shape(2, 9), d.pick(1, 2, 3, 4, 6, 8, 17)) if rank == 4 else d.shape(rank)
    x = d.tensor(shape, d.scale(), d.zero())
    return d.net.pack(x.index, _drawn(d, x, kind).index)


def random_net(rng: np.random.Generator) -> bytes:
    """A small convolutional net of 3 to 6 ops and a few more around branches that meet again."""
    d = Drawing(rng)
    now = x = d.tensor((1, *d.shape(2, 9), d.pick(1, 2, 3, 4, 8)), d.scale(), d.zero())
    for _ in range(int(rng.integers(2, 5))):
        now = _joined(d, now) if d.chance(0.35) else _drawn(d, now, str(rng.choice(_BODY)))
    for kind in ("MEAN", "FULLY_CONNECTED", "SOFTMAX")[: d.pick(0, 2, 3)] if d.chance(0.7) else ("RESHAPE",):
        now = _pooled(d, now) if kind == "MEAN" else _drawn(d, now, kind)
    if now is x:
        now = generators.quantize(d, now)
    return d.net.pack(x.index, now.index)


def random_graph(rng: np.random.Generator, ops: int) -> bytes:
    """Ops of any kinds but those with state, at least so many, each on one of the latest activations, some unread."""
    d = Drawing(rng)
    values = [d.tensor((1, *d.shape(2), d.pick(1, 2, 3, 4)), d.scale(), d.zero())]
    for last in range(ops - 1, -1, -1):
        latest = [value for value in values if value.shape][-3:]  # no op is drawn for scalars
        x = latest[-1 if last == 0 else d.pick(*range(len(latest)))]
        fitting = [k for k, kind in KINDS.items() if kind.axes[0] <= len(x.shape) <= kind.axes[1] and not kind.state]
        values.append(_drawn(d, x, fitting[d.pick(*range(len(fitting)))]))
    return d.net.pack(values[0].index, values[-1].index)


def _drawn(d: Drawing, x: Ref, kind: str) -> Ref:
    made: Ref = part(KINDS[kind].generator)(d, x, kind)
    return made


def _joined(d: Drawing, x: Ref) -> Ref:
    """Two branches: added, or one behind the other."""
    branch = generators.quantize(d, x)
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
        int8[n, *input], of several inputs or one of 16 bits int8[n, bytes of all]
    """
    if len(model.inputs) == 1 and not model.plain_input:
        return wide_rows(model.input.size, rng, n)
    size = model.input_size
    shape = model.input.shape if len(model.inputs) == 1 else (size,)
    turn = np.where(np.arange(size) % 2, 127, -128)
    fixed = [np.full(size, v) for v in (-128, 127, model.input.zero)] + [turn, -1 - turn]
    mixed = [rng.choice([-128, 127], size), rng.integers(-128, 128, size), rng.integers(-20, 21, size)]
    samples = [*fixed, *mixed] + [rng.integers(-128, 128, size) for _ in range(max(0, n - 8))]
    return np.stack(samples[:n]).astype(np.int8).reshape(n, *shape)
