# SPDX-License-Identifier: Apache-2.0
"""Random ops of two operands beside ADD, SUB and MUL, and RSQRT."""

from __future__ import annotations

import numpy as np

from mcuedit.conformance.generators import Drawing, Ref, other_operand

_DIVISOR_BITS = 7  # of the largest divisor: a quotient with fewer before the point shifts too far for TFLM

_LEAST_CLAMPED = 2.0**-27  # a scale in which an int32 holds an activation's bound


def extreme(d: Drawing, x: Ref, kind: str) -> Ref:
    """MAXIMUM or MINIMUM."""
    other = other_operand(d, x)
    y = d.tensor(np.broadcast_shapes(x.shape, other.shape), d.scale(), d.zero()) if d.chance(0.2) else None
    y = y or d.like(x, np.broadcast_shapes(x.shape, other.shape))
    d.net.op(kind, _either(d, x, other), y.index)
    return y


def squared_difference(d: Drawing, x: Ref, kind: str) -> Ref:
    """SQUARED_DIFFERENCE."""
    other = other_operand(d, x)
    step = max(x.scale, other.scale) ** 2 * 50 * (d.spread / Drawing.spread)
    y = d.tensor(np.broadcast_shapes(x.shape, other.shape), step * d.scale(-3, 3), d.zero())
    d.net.op(kind, _either(d, x, other), y.index)
    return y


def prelu(d: Drawing, x: Ref, kind: str) -> Ref:
    """PRELU with a slope for each element, channel, or one for all."""
    shape = tuple(n if d.chance(0.6) else 1 for n in x.shape)
    shape = shape[d.pick(0, 0, 1) :] if len(shape) > 1 else shape
    slopes = d.slopes(shape)
    y = d.tensor(x.shape, x.scale * d.scale(-1, 2), d.zero())
    d.net.op(kind, [x.index, slopes.index], y.index)
    return y


def division(d: Drawing, x: Ref, kind: str) -> Ref:
    """DIV by a constant, or by an activation that is kept from being 0."""
    shape = tuple(1 if d.chance(0.4) else n for n in x.shape)
    zero, scale = int(d.rng.integers(-128, 127)), d.scale()
    if d.chance():
        data = d.bytes(shape)
        data[data == zero] = 127
        divisor = Ref(d.net.constant("c", data, [scale], zero=zero), shape, scale, zero)
    else:
        least = d.net.constant("c", np.array([x.zero + 1 if x.zero < 127 else 126], np.int8), [x.scale], zero=x.zero)
        divisor = d.like(x, x.shape)
        d.net.op("MAXIMUM" if x.zero < 127 else "MINIMUM", [x.index, least], divisor.index)
    y = d.tensor(x.shape, x.scale / divisor.scale * 2.0 ** -d.rng.uniform(_DIVISOR_BITS, 20), d.zero())
    activation = d.pick(0, 0, 1, 2, 3) if y.scale > _LEAST_CLAMPED else 0
    d.net.op(kind, [x.index, divisor.index], y.index, fusedActivationFunction=activation)
    return y


def root(d: Drawing, x: Ref, kind: str) -> Ref:
    """RSQRT of what is not negative."""
    x = d.lifted(x)
    y = d.tensor(x.shape, 1 / np.sqrt(x.scale) / (127 * (d.spread / Drawing.spread)) * d.scale(-2, 2), d.zero())
    d.net.op(kind, [x.index], y.index)
    return y


def _either(d: Drawing, x: Ref, other: Ref) -> list[int]:
    return [x.index, other.index] if d.chance() else [other.index, x.index]
