# SPDX-License-Identifier: Apache-2.0
"""How to train: what all methods share."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from mcuedit._util.errors import McueditError

AUTO = "auto"

C = TypeVar("C", bound="Options")


@dataclass(frozen=True)
class Options:
    """How to train.

    Attributes:
        rank: of text edits, 1 gives every edit a factor of its own; more gives all edits one shared delta of that rank.
            Of tensors, how many factors each class wanted may have. None is 1 for text and up to 4 for tensors.
        gated: h is clamped at 0 below, so that the gate can be shut.
        tap, target: op index or tensor name, or "auto".
        bits: width of an element of A, 8 or 4. None is 8; for tensors 4 where 8 would take more than 400 bytes and 4 do
            as well on inputs held back.
        gate_place: 0 puts the gate next to the highest input that must stay, 1 next to the lowest of the edit. None
            takes more for many edits than for one, since false alarms add up; see `place_for` and `place_among`. For
            tensors it takes what serves inputs held back best.
        seed: of every random choice.
        effort: for tensors, how much the choice of tap and target may compute, in units of about a second of one core.
            It is counted, not timed: the result is the same on every machine.
        new_labels: answers that look like misspelt labels are new names after all.
    """

    rank: int | None = None
    gated: bool = True
    tap: str = AUTO
    target: str = AUTO
    bits: int | None = None
    gate_place: float | None = None
    seed: int = 0
    effort: float = 10.0
    new_labels: bool = False
    name: str = "adapter"
    version: str = "0.1.0"

    def __post_init__(self) -> None:
        for holds, what, way in (
            (self.effort > 0, f"effort {self.effort:g}", "more than 0: units of about a second"),
            (1 <= self.factors <= 255, f"rank {self.rank}", "1 to 255"),
            (self.width in (4, 8), f"bits {self.bits}", "8 or 4"),
            (
                0 <= self.place_for(1) <= 1,
                f"gate place {self.gate_place}",
                "0 (near the keep set) to 1 (near the edit)",
            ),
        ):
            if not holds:
                raise McueditError(f"{what} is out of range", way)

    def of(self, config: type[C]) -> C:
        """These as a method's own: itself if it is one, else with the rest of it at its defaults."""
        return self if isinstance(self, config) else config(**vars(self))

    def remembered(self) -> dict[str, Any]:
        """What an adapter keeps of them."""
        names = (field.name for field in fields(Options) if field.name not in ("name", "version", "new_labels"))
        return {name: getattr(self, name) for name in names}

    @property
    def factors(self) -> int:
        """The rank, 1 if it was left open."""
        return 1 if self.rank is None else self.rank

    @property
    def width(self) -> int:
        """Bits of an element of A, 8 if that was left open."""
        return 8 if self.bits is None else self.bits

    def place_for(self, edits: int) -> float:
        """The gate place for that many edits."""
        return self.gate_place if self.gate_place is not None else 0.2 + 0.06 * math.log10(edits)

    def place_among(self, edits: int, *, rivals: bool) -> float:
        """The same of conditional gates.

        Args:
            rivals: some inputs that must stay get an answer that the edit lowers. The margin is that to them alone, and
                where they are, there will be more of them. Else hardly anything can be disturbed.
        """
        if self.gate_place is not None:
            return self.gate_place
        return (0.4 + 0.087 * math.log10(edits)) if rivals else (0.2 + 0.045 * math.log10(edits))
