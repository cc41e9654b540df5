# SPDX-License-Identifier: Apache-2.0
"""Scales of which a stock kernel makes the very multiplier and shift of a delta.

A file states scales as float32, and a kernel takes their ratio in double: 31 bits of it have to be right, which one
scale of 24 bits mostly cannot give, but two can. Where results have a bound, and a rounder ratio gives the same ones,
that one is taken: all kernels then agree, whichever way they round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, DoubleArray, IntArray
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier

_TRIED = 1 << 20  # scales; at least one in 2^14 gives both of a chain's multipliers
_PIECE = 1 << 14
_INT31 = 1 << 31


@dataclass(frozen=True)
class Step:
    """clamp(MBQM(x, m, s), low, high) for whole x with abs(x) <= most."""

    m: int
    s: int
    low: int
    high: int
    most: int

    @property
    def real(self) -> float:
        """The factor that it is about."""
        return self.m * 2.0 ** (self.s - 31)

    @property
    def reached(self) -> bool:
        """Whether any x gives something other than 0."""
        ends = np.array([-self.most, self.most])
        return bool(mbqm(ends, self.m, self.s).any())

    def same(self, m: int, s: int) -> bool:
        """Whether another multiplier and shift give the same for every x."""
        if (m, s) == (self.m, self.s):
            return True
        if s > 0 and self.most << s >= _INT31:
            return False  # the left shift would wrap
        levels, least = self._thresholds
        below, there = least > -self.most, least <= self.most
        early = mbqm(least[below] - 1, m, s) >= levels[below]
        late = mbqm(least[there], m, s) < levels[there]
        return not (early.any() or late.any())

    @cached_property
    def _thresholds(self) -> tuple[IntArray, IntArray]:
        """Every level above the lowest, and the least x that reaches it; most + 1 where none does."""
        levels = np.arange(self.low + 1, self.high + 1)
        low, high = np.full(levels.shape, -self.most), np.full(levels.shape, self.most + 1)
        while (low < high).any():
            middle = (low + high) >> 1
            reached = mbqm(middle, self.m, self.s) >= levels
            high, low = np.where(reached, middle, high), np.where(reached, low, np.minimum(middle + 1, high))
        return levels, low


@dataclass(frozen=True)
class Chain:
    """Scales of A, h and B."""

    a: float
    h: float
    b: float


def chain(inward: Step, outward: Step, x: float, y: float, *, symmetric: bool) -> Chain:
    """Scales for h = inward(A x) and d = outward(B h), with x and y quantized as they are.

    Args:
        symmetric: h is clamped at -127, which kernels do where its scale is about 1 / 127.

    Raises:
        McueditError: none was found.
    """
    for h in _simple(inward, x, symmetric):
        a, b = _nearest(inward.real * h / x), _nearest(outward.real * y / h)
        if inward.same(*_ratio(x, a, h)) and outward.same(*_ratio(h, b, y)):
            return Chain(a, h, b)
    for tried in _pieces(inward, x, symmetric):
        many_a, many_b = _floats(inward.real * tried / x), _floats(outward.real * y / tried)
        for i in np.flatnonzero(_is(inward, x * many_a / tried)).tolist():
            if outward.same(*_ratio(float(tried[i]), float(many_b[i]), y)):
                return Chain(float(many_a[i]), float(tried[i]), float(many_b[i]))
    raise McueditError(
        f"no scales give the multipliers {inward.m}, {outward.m} and shifts {inward.s}, {outward.s}", "report it"
    )


def outward(step: Step, y: float) -> tuple[float, float]:
    """Scales of h and B for d = outward(B h) alone."""
    found = chain(Step(1 << 30, 1, 0, 0, 0), step, 1.0, y, symmetric=False)
    return found.h, found.b


def _nearest(value: float) -> float:
    return float(np.float32(value))


def _floats(values: DoubleArray) -> DoubleArray:
    return values.astype(np.float32).astype(np.float64)


def _ratio(a: float, b: float, over: float) -> tuple[int, int]:
    return quantize_multiplier(a * b / over)


def _is(step: Step, real: DoubleArray) -> BoolArray:
    """Which factors become the step's very multiplier and shift."""
    fraction, shift = np.frexp(real)
    return np.asarray((np.floor(fraction * _INT31 + 0.5) == step.m) & (shift == step.s))


def _simple(inward: Step, x: float, symmetric: bool) -> Iterator[float]:
    """Scales of h that may make round ratios."""
    if symmetric:
        yield _nearest(1 / 127)
        return
    for power in (0, -7, -4, 4):
        yield x * 2.0**power
    yield _nearest(x / inward.real)


def _pieces(inward: Step, x: float, symmetric: bool) -> Iterator[DoubleArray]:
    """Scales of h to try, some at a time."""
    first, last = (1 / 127.49, 1 / 126.51) if symmetric else (1 / 128, 1 / 64)
    low, high = (int(np.float32(value).view(np.int32)) for value in (first, last))
    odd = 40503  # scattered over the range, so that a or b does not repeat
    for start in range(0, _TRIED, _PIECE):
        at = (np.arange(start, start + _PIECE, dtype=np.int64) * odd) % (high - low) + low
        yield at.astype(np.int32).view(np.float32).astype(np.float64)
