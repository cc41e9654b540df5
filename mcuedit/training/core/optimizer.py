# SPDX-License-Identifier: Apache-2.0
"""Normalized gradient steps, the best values seen so far, and when to stop: shared by all that trains factors.

Values are float masters of integers, in their steps. What they do is judged after rounding, so that a loss may rise
between two steps: what is kept is the best that was looked at, not the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from mcuedit._util.typing import FloatArray

T = TypeVar("T")


@dataclass
class Best(Generic[T]):
    """The best of what was looked at.

    Attributes:
        score: of `value`; larger is better, the first part before the second.
        idle: looks since the best one.
    """

    value: T
    score: tuple[float, ...] = (-np.inf,)
    idle: int = 0

    def offer(self, value: T, *score: float) -> None:
        """Takes a value that is better than all before."""
        if score > self.score:
            self.value, self.score, self.idle = value, score, 0
        else:
            self.idle += 1


@dataclass(frozen=True)
class Look:
    """What some values do: a score, larger is better; whether nothing is left to gain; the gradient, when asked."""

    score: float
    done: bool
    gradient: Callable[[], FloatArray]


@dataclass(frozen=True)
class Schedule:
    """How a column of B is solved.

    Attributes:
        steps: at most.
        rate: int8 units by which the largest element moves in the first step; it falls to 0 in a line.
        limit: of an element's absolute value.
        idle: steps without a better one that end it; None: none do.
    """

    steps: int
    rate: float = 8.0
    limit: float = np.inf
    idle: int | None = None


def normalized(grad: FloatArray, rate: float) -> FloatArray:
    """A gradient scaled to a largest element of `rate`; zeros stay zeros."""
    peak = float(np.abs(grad).max())
    return grad * np.float32(rate / peak if peak else 0.0)


def cosine(step: int, steps: int) -> float:
    """The share of the first rate that is left: from 1 to 0 in half a wave."""
    return float(0.5 * (1 + np.cos(np.pi * step / steps)))


def descend(
    start: FloatArray, look: Callable[[FloatArray], Look], schedule: Schedule, rng: np.random.Generator
) -> FloatArray:
    """The best values on the way down from `start`.

    Where the gradient is nothing, every way is saturated: a random step leaves the corner.
    """
    values, best = start, Best(start)
    for step in range(schedule.steps):
        seen = look(values)
        best.offer(values, seen.score)
        if seen.done or best.idle == schedule.idle:
            break
        grad, left = seen.gradient(), schedule.rate * (1 - step / schedule.steps)
        if not grad.any():
            grad, left = rng.normal(size=start.shape).astype(np.float32), left / 3
            change = np.float32(left) * grad
        else:
            change = normalized(grad, left)
        values = np.clip(values - change, -schedule.limit, schedule.limit)
    return best.value
