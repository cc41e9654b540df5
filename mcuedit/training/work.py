# SPDX-License-Identifier: Apache-2.0
"""How much the choice of a place may compute, counted: where it ends must not hang on a clock."""

from __future__ import annotations

import math
from collections.abc import Callable

UNIT = 8e8  # multiplications, as counted: about what one core does in a second


class Work:
    """What was computed so far, in units, and how much may be.

    Attributes:
        bound, done: units.
    """

    def __init__(self, bound: float = math.inf, advance: Callable[[float], None] = lambda units: None) -> None:
        """`advance` is told the units of every step."""
        self.bound, self.done, self._advance = bound, 0.0, advance

    def add(self, multiplications: float) -> None:
        """Something was computed."""
        self.done += multiplications / UNIT
        self._advance(multiplications / UNIT)

    @property
    def left(self) -> float:
        """Multiplications that may still be computed."""
        return max(0.0, self.bound - self.done) * UNIT

    def has(self, share: float = 1.0) -> bool:
        """Whether less than that share of the bound was used."""
        return self.done < share * self.bound
