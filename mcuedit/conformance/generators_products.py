# SPDX-License-Identifier: Apache-2.0
"""Random sums of products beside convolutions and FULLY_CONNECTED."""

from __future__ import annotations

import math

import numpy as np

from mcuedit.conformance.generators import Drawing, Ref, quantize

_SPREAD = 73.0  # standard deviation of a uniform int8


def transpose_conv(d: Drawing, x: Ref, kind: str) -> Ref:
    """TRANSPOSE_CONV: strides, SAME and VALID, per tensor and per channel, with and without bias."""
    kernel, strides = [d.pick(1, 2, 3, 4) for _ in range(2)], [d.pick(1, 1, 2, 3) for _ in range(2)]
    outs, same = d.pick(1, 2, 3, 5, 8), d.chance()
    data = d.bytes((outs, *kernel, x.shape[3]))
    size = [n * s if same else (n - 1) * s + k for n, s, k in zip(x.shape[1:3], strides, kernel, strict=True)]
    scales = np.array([d.scale(-9, -5) for _ in range(outs if d.chance() else 1)], np.float32)
    spread = math.sqrt(data.size / outs) * _SPREAD
    y = d.tensor((x.shape[0], *size, outs), x.scale * float(scales.max()) * spread * d.scale(-2, 2), d.zero())
    inputs = [d.integers(list(y.shape)), d.net.constant("w", data, scales), x.index]
    if d.chance(0.7):
        values = np.asarray(d.rng.normal(0, spread * d.spread, outs)).astype(d.bias_type(kind))
        inputs.append(d.net.constant("b", values, x.scale * scales.astype(np.float64)))
    activation = d.pick(0, 0, 1, 2, 3) if y.scale > 2.0**-27 else 0
    options = {"padding": 0 if same else 1, "strideH": strides[0], "strideW": strides[1]}
    d.net.op(kind, inputs, y.index, **options, fusedActivationFunction=activation)
    return y


def batch_matmul(d: Drawing, x: Ref, kind: str) -> Ref:
    """BATCH_MATMUL with a constant or with another activation, either side turned, other axes broadcast."""
    left, turn = d.chance(), [d.chance(), d.chance()]
    around, (rows, depth) = x.shape[:-2], x.shape[-2:][:: -1 if turn[0 if left else 1] else 1]
    rows, depth = (rows, depth) if left else (depth, rows)
    new = d.pick(1, 2, 3, 5)
    shape = (depth, new) if left else (new, depth)
    shape = shape[::-1] if turn[1 if left else 0] else shape
    narrow = tuple(n if d.chance(0.7) else 1 for n in around)[d.pick(0, 0, len(around)) :]
    other = d.constant((*narrow, *shape), d.scale(), d.zero())
    if d.chance() and x.shape[-2] == x.shape[-1]:
        other = quantize(d, x)
        new = rows
    sides = [x, other] if left else [other, x]
    a, b = (s.shape[:-2] for s in sides)
    made = (*np.broadcast_shapes(a, b), *((rows, new) if left else (new, rows)))
    step = x.scale * other.scale * d.spread * math.sqrt(depth) * d.scale(-1, 2)
    y = d.tensor(made, step, d.zero())
    d.net.op(kind, [s.index for s in sides], y.index, adjX=turn[0], adjY=turn[1])
    return y
