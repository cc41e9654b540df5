# SPDX-License-Identifier: Apache-2.0
"""Random ops without weights, beside those in `generators`."""

from __future__ import annotations

import math

import numpy as np

from mcuedit.conformance.generators import Drawing, Ref

_MOST_JOINED = 4
_TRIES = 50


def curve(d: Drawing, x: Ref, kind: str) -> Ref:
    """RELU, RELU6, LEAKY_RELU, LOGISTIC, TANH, HARD_SWISH, ABS or ELU."""
    if kind in ("LOGISTIC", "TANH"):
        y = d.tensor(x.shape, *d.unit(kind == "TANH"))
    elif kind == "ABS" and d.chance():  # without rescaling
        y = d.tensor(x.shape, x.scale, d.zero())
    else:
        y = d.tensor(x.shape, x.scale * d.scale(-1, 2), d.zero())
    options = {"alpha": float(d.rng.uniform(-0.5, 1.5))} if kind == "LEAKY_RELU" else {}
    d.net.op(kind, [x.index], y.index, **options)
    return y


def normalized(d: Drawing, x: Ref, kind: str) -> Ref:
    """L2_NORMALIZATION over the last axis."""
    y = d.tensor(x.shape, 1 / 128, 0)
    d.net.op(kind, [x.index], y.index)
    return y


def softmax(d: Drawing, x: Ref, kind: str) -> Ref:
    """SOFTMAX over the last axis."""
    y = d.tensor(x.shape, *d.unit(signed=False))
    d.net.op(kind, [x.index], y.index, beta=float(d.rng.choice([0.25, 1.0, 1.0, 3.0])))
    return y


def reduced(d: Drawing, x: Ref, kind: str) -> Ref:
    """MEAN, SUM or REDUCE_MAX over some axes, named from either end, once or twice."""
    rank = len(x.shape)
    axes = [i for i in range(rank) if d.chance()] or [int(d.rng.integers(rank))]
    keep = d.chance()
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes)
    named = [i - rank if d.chance(0.3) else i for i in axes] + ([axes[0]] if d.chance(0.1) else [])
    if kind == "REDUCE_MAX":
        y = d.like(x, shape)
    else:
        count = math.prod(x.shape[i] for i in axes) if kind == "SUM" else 1
        y = d.tensor(shape, x.scale * math.sqrt(count) * d.scale(-3, 1), d.zero())
    d.net.op(kind, [x.index, d.integers(named)], y.index, keepDims=keep)
    return y


def pad(d: Drawing, x: Ref, kind: str) -> Ref:
    """PAD or PADV2."""
    pairs = [(d.pick(0, 0, 1, 3), d.pick(0, 1, 2)) for _ in x.shape]
    shape = tuple(n + before + after for n, (before, after) in zip(x.shape, pairs, strict=True))
    y = d.like(x, shape) if d.chance(0.8) else d.tensor(shape, d.scale(), d.zero())
    paddings = d.integers([n for pair in pairs for n in pair])
    inputs = [x.index, _matrix(d, pairs) if d.chance() else paddings]
    if kind == "PADV2":
        inputs.append(d.constant((1,), y.scale, y.zero).index)
    d.net.op(kind, inputs, y.index)
    return y


def _matrix(d: Drawing, pairs: list[tuple[int, int]]) -> int:
    return d.net.constant("p", np.array(pairs, np.int32))


def reshape(d: Drawing, x: Ref, kind: str) -> Ref:
    """RESHAPE to other lengths."""
    left = math.prod(x.shape)
    lengths: list[int] = []
    while left > 1 and len(lengths) < 4:
        factor = d.pick(*[n for n in range(1, left + 1) if left % n == 0])
        lengths.append(factor)
        left //= factor
    shape = (*lengths, left)
    y = d.like(x, shape)
    d.net.op(kind, [x.index, d.integers(list(shape))], y.index)
    return y


def concatenation(d: Drawing, x: Ref, kind: str) -> Ref:
    """CONCATENATION along any axis: the input, once or more, constants, and parts of the input."""
    axis = int(d.rng.integers(len(x.shape)))
    others = [_part(d, x, axis) for _ in range(d.pick(*range(_MOST_JOINED)))]
    parts = [*others, x]
    order = [parts[i] for i in d.rng.permutation(len(parts))]
    total = sum(p.shape[axis] for p in order)
    y = d.like(x, (*x.shape[:axis], total, *x.shape[axis + 1 :]))
    named = axis - len(x.shape) if d.chance(0.3) else axis
    d.net.op(kind, [p.index for p in order], y.index, axis=named)
    return y


def _part(d: Drawing, x: Ref, axis: int) -> Ref:
    what = d.pick(0, 1, 2)
    if what == 0 or len(x.shape) > 4:
        return x
    length = int(d.rng.integers(1, x.shape[axis] + 1))
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    if what == 1:
        return d.constant(shape, x.scale, x.zero)
    y = d.like(x, shape)
    zeros, ones = [0] * len(shape), [1] * len(shape)
    d.net.op("STRIDED_SLICE", [x.index, d.integers(zeros), d.integers(list(shape)), d.integers(ones)], y.index)
    return y


def strided_slice(d: Drawing, x: Ref, kind: str) -> Ref:
    """STRIDED_SLICE with masks, shrunk axes, negative indices and strides."""
    drawn = [_axis(d, n) for n in x.shape]
    y = d.like(x, tuple(length for *_, length in drawn if length))
    parts = [d.integers([axis[i] for axis in drawn]) for i in range(3)]
    masks = [sum(axis[3 + i] << k for k, axis in enumerate(drawn)) for i in range(2)]
    shrink = sum((not axis[5]) << k for k, axis in enumerate(drawn))
    d.net.op(kind, [x.index, *parts], y.index, beginMask=masks[0], endMask=masks[1], shrinkAxisMask=shrink)
    return y


def _axis(d: Drawing, size: int) -> tuple[int, int, int, int, int, int]:
    """begin, end, stride, masked begin, masked end, length; length 0 for an axis that is shrunk away."""
    if d.chance(0.15):
        begin = int(d.rng.integers(-size, size))
        return begin, begin + 1, 1, 0, 0, 0
    for _ in range(_TRIES):
        begin, end = (int(n) for n in d.rng.integers(-size - 2, size + 3, 2))
        stride = d.pick(1, 1, 2, 3, -1, -2)
        masks = int(d.chance(0.2)), int(d.chance(0.2))
        taken = range(size)[slice(None if masks[0] else begin, None if masks[1] else end, stride)]
        if len(taken):
            return begin, end, stride, *masks, len(taken)
    return 0, size, 1, 0, 0, size


def transpose(d: Drawing, x: Ref, kind: str) -> Ref:
    """TRANSPOSE to any order."""
    order = [int(i) for i in d.rng.permutation(len(x.shape))]
    y = d.like(x, tuple(x.shape[i] for i in order))
    d.net.op(kind, [x.index, d.integers(order)], y.index)
    return y
