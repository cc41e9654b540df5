# SPDX-License-Identifier: Apache-2.0
"""Random models of one op with 16-bit activations: the ops of `generators`, drawn with other dice."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import Int8Array, Int16Array
from mcuedit.conformance.generators import Drawing, Ref
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.ops.int16.kinds import WIDE
from mcuedit.model.ops.kinds import part

SUFFIX = " int16"  # behind a kind: its random models have 16-bit activations
GRAPHS = "graphs" + SUFFIX
_SCALES = 2.0**-24, 1.0  # of what goes on in a graph: squares of squares soon leave float32
KINDS = tuple(kind + SUFFIX for kind in WIDE)


class WideDrawing(Drawing):
    """Activations are int16 around 0."""

    spread = 18918.0  # standard deviation of a uniform int16

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.net = NetBuilder("INT16", description="random")

    def scale(self, low: float = -16, high: float = -8) -> float:
        """Sometimes a power of two, which LOGISTIC and TANH take otherwise."""
        return 2.0 ** round(self.rng.uniform(low, high)) if self.chance(0.1) else super().scale(low, high)

    def unit(self, signed: bool) -> tuple[float, int]:
        return 2.0**-15, 0

    def narrow(self, shape: tuple[int, ...], scale: float) -> Ref:
        """A new activation of int8, in steps about 256 times as large as those of one of int16."""
        zero, fine = Drawing.zero(self), float(np.float32(scale * 256 * super().scale(-2, 2)))
        index = self.net.tensor(f"narrow{zero}", shape, fine, zero, dtype="INT8")
        return Ref(index, shape, fine, zero)

    def zero(self) -> int:
        return 0

    def lifted(self, x: Ref) -> Ref:
        """An activation that is never below 0."""
        y = self.like(x, x.shape)
        self.net.op("RELU", [x.index], y.index)
        return y

    def bias_type(self, kind: str) -> type[np.int32] | type[np.int64]:
        """INT32 is for CONV_2D and FULLY_CONNECTED alone."""
        return np.int32 if kind in ("CONV_2D", "FULLY_CONNECTED") and self.chance(0.3) else np.int64

    def zeros(self, shape: tuple[int, ...], zero: int) -> Int16Array:  # type: ignore[override]
        return np.zeros(shape, np.int16)

    def constant(self, shape: tuple[int, ...], scale: float, zero: int) -> Ref:
        """A constant int16 operand."""
        values = self.rng.integers(-(1 << 15), 1 << 15, shape).astype(np.int16)
        return Ref(self.net.constant("c", values, [scale], zero=zero), shape, scale, zero)


def random_model(kind: str, rng: np.random.Generator) -> bytes:
    """A .tflite of one op, as `oneop.random_model` draws it; sometimes between QUANTIZE from and to int8.

    Args:
        kind: one of `mcuedit.model.ops.int16.kinds.WIDE`.
    """
    fewest, most = WIDE[kind].axes
    d = WideDrawing(rng)
    rank = int(rng.integers(fewest, most + 1))
    shape = (d.pick(1, 1, 2), *d.shape(2, 9), d.pick(1, 2, 3, 4, 6, 8, 17)) if rank == 4 else d.shape(rank)
    given = x = d.tensor(shape, d.scale(), 0)
    if d.chance(0.3):
        given = d.narrow(shape, x.scale)
        d.net.op("QUANTIZE", [given.index], x.index)
    y: Ref = part(WIDE[kind].generator)(d, x, kind)
    if d.chance(0.3):
        y, made = d.narrow(y.shape, y.scale), y
        d.net.op("QUANTIZE", [made.index], y.index)
    return d.net.pack(given.index, y.index)


def random_graph(rng: np.random.Generator, ops: int) -> bytes:
    """Ops of any of these kinds but those with state, at least so many, each on one of the latest activations.

    The ends may be int8.
    """
    d = WideDrawing(rng)
    given = x = d.tensor((1, *d.shape(2), d.pick(1, 2, 3, 4)), d.scale(), 0)
    if d.chance():
        given = d.narrow(x.shape, x.scale)
        d.net.op("QUANTIZE", [given.index], x.index)
    values = [x]
    for last in range(ops - 1, -1, -1):
        latest = [value for value in values if value.shape and _SCALES[0] < value.scale < _SCALES[1]][-3:]
        x = latest[-1 if last == 0 else d.pick(*range(len(latest)))]
        fitting = [k for k, kind in WIDE.items() if kind.axes[0] <= len(x.shape) <= kind.axes[1] and not kind.state]
        kind = fitting[d.pick(*range(len(fitting)))]
        made: Ref = part(WIDE[kind].generator)(d, x, kind)
        values.append(made)
    y = values[-1]
    if d.chance():
        y, inner = d.narrow(y.shape, y.scale), y
        d.net.op("QUANTIZE", [inner.index], y.index)
    return d.net.pack(given.index, y.index)


def wide_rows(size: int, rng: np.random.Generator, n: int) -> Int8Array:
    """Rows of `size` int16 elements: the extremes first, alone and in turn, zeros, then a mixture.

    Returns:
        int8[n, 2 * size]
    """
    least, most = -(1 << 15), (1 << 15) - 1
    turn = np.where(np.arange(size) % 2, most, least)
    fixed = [np.full(size, v) for v in (least, most, 0)] + [turn, -1 - turn]
    mixed = [rng.choice([least, most], size), rng.integers(least, most + 1, size), rng.integers(-300, 301, size)]
    samples = [*fixed, *mixed] + [rng.integers(least, most + 1, size) for _ in range(max(0, n - 8))]
    return np.stack(samples[:n]).astype(np.int16).view(np.int8)
