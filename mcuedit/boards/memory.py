# SPDX-License-Identifier: Apache-2.0
"""The parts of a board.toml about memory: ranges of addresses, how flash is written, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A range of addresses, in bytes."""

    origin: int
    length: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.origin + self.length

    def overlaps(self, other: Region) -> bool:
        """Whether they have an address in common."""
        return self.origin < other.end and other.origin < self.end


@dataclass(frozen=True)
class Slots:
    """Room for adapters in flash: `count` places of `size` bytes, one after the other from `origin` on."""

    origin: int
    size: int
    count: int

    @property
    def region(self) -> Region:
        """All of them."""
        return Region(self.origin, self.size * self.count)

    def slot(self, number: int) -> Region:
        """One of them."""
        return Region(self.origin + number * self.size, self.size)


@dataclass(frozen=True)
class Geometry:
    """How a flash is written, in bytes.

    Attributes:
        program_unit: the least that can be programmed at once.
        erase_page: the least that can be erased at once; where pages differ, the largest that a slot lies on.
        slots: where adapters go. None: the board keeps none outside its firmware.
        journal_pages: erase pages directly before the slots, where the store says what is in them; 0: the board has no
            store, its slots are read by nothing of ours.
        driver: firmware/port/flash_<driver>.c. None: its firmware cannot write flash.
        controller: address of the registers that the driver uses, 0 if it uses none.
    """

    program_unit: int
    erase_page: int
    slots: Slots | None
    journal_pages: int = 0
    driver: str | None = None
    controller: int = 0

    @property
    def region(self) -> Region | None:
        """The journal and the slots, one range: what the store takes. Without journal the slots alone."""
        if self.slots is None:
            return None
        journal = self.journal_pages * self.erase_page
        return Region(self.slots.origin - journal, journal + self.slots.region.length)


@dataclass(frozen=True)
class Flashing:
    """How firmware gets onto a board.

    Attributes:
        runner: the one to take if none is asked for.
        targets: by the runner's name, what that runner calls the board: a pyocd target, an openocd board file, the
            runner behind west, an esptool chip.
    """

    runner: str
    targets: Mapping[str, str]

    @property
    def runners(self) -> list[str]:
        """All that can flash it, the default one first."""
        return sorted(self.targets, key=lambda name: name != self.runner)
