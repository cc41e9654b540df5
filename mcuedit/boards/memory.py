# SPDX-License-Identifier: Apache-2.0
"""The parts of a board.toml about memory: ranges of addresses, how flash is written, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuedit._util.tables import Table

RUNNERS = ("pyocd", "openocd", "west", "esptool")
_JOURNAL_PAGES = 2  # the least: one is written while the other is still whole
_JOURNAL_PAGE = 1024  # bytes, the least: MCUEDIT_JOURNAL_PAGE
_STORE_SLOT = 1 << 20  # bytes that a slot of the store has less than


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


def read_region(table: Table) -> Region:
    """A range of addresses, in bytes: origin, length."""
    region = Region(table.integer("origin"), table.integer("length"))
    if region.length == 0 or region.end > 1 << 32:
        table.fail("length", "a length > 0 that ends within 32 bits of address")
    table.refuse_unknown()
    return region


def read_geometry(table: Table) -> Geometry:
    """The table [flash]."""
    slots = table.table("slots") if table.has("slots") else None
    journal = table.table("journal") if table.has("journal") else None
    geometry = Geometry(
        program_unit=table.integer("program_unit"),
        erase_page=table.integer("erase_page"),
        slots=Slots(*(slots.integer(key) for key in ("origin", "size", "count"))) if slots else None,
        journal_pages=journal.integer("pages") if journal else 0,
        driver=table.text("driver") if table.has("driver") else None,
        controller=table.integer("controller") if table.has("controller") else 0,
    )
    if geometry.program_unit.bit_count() != 1:
        table.fail("program_unit", "a power of two")
    if geometry.erase_page == 0 or geometry.erase_page % geometry.program_unit:
        table.fail("erase_page", "a multiple of program_unit > 0")
    if slots and geometry.slots:
        for key in ("origin", "size"):
            if getattr(geometry.slots, key) % geometry.erase_page:
                slots.fail(key, "a multiple of erase_page: a slot is erased as a whole, and nothing beside it")
        for key in ("size", "count"):
            if getattr(geometry.slots, key) == 0:
                slots.fail(key, "more than 0")
        slots.refuse_unknown()
    if journal:
        _check_journal(table, journal, geometry)
    table.refuse_unknown()
    return geometry


def _check_journal(table: Table, journal: Table, geometry: Geometry) -> None:
    region = geometry.region
    if region is None:
        table.fail("journal", "[flash] slots beside it: it says what is in them")
    if geometry.driver is None:
        table.fail("driver", "the driver that writes the journal: firmware/port/flash_<driver>.c")
    if geometry.erase_page < _JOURNAL_PAGE:
        table.fail("erase_page", f"{_JOURNAL_PAGE} or more where there is a journal: a page of it is an erase page")
    if geometry.slots and geometry.slots.size >= _STORE_SLOT:
        table.fail("slots", f"a size below {_STORE_SLOT} where there is a journal")
    if geometry.journal_pages < _JOURNAL_PAGES:
        journal.fail("pages", f"{_JOURNAL_PAGES} or more: one is written while the other is still whole")
    if journal.integer("origin") != region.origin:
        journal.fail("origin", f"{region.origin:#x}: its pages end where the slots begin")
    journal.refuse_unknown()


def read_flashing(table: Table) -> Flashing:
    """The table [flashing]."""
    targets = table.table("targets")
    flashing = Flashing(table.text("runner"), {key: targets.text(key) for key in targets.keys})
    for key in flashing.targets.keys() - set(RUNNERS):
        targets.fail(key, f"one of {', '.join(RUNNERS)}")
    if flashing.runner not in flashing.targets:
        table.fail("runner", f"one that [flashing.targets] has: {', '.join(flashing.targets)}")
    table.refuse_unknown()
    return flashing
