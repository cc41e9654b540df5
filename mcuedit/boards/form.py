# SPDX-License-Identifier: Apache-2.0
"""What a board.toml may hold, and the board that it makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mcuedit._util import resources, schema
from mcuedit.boards.board import Board, Emulation, Write
from mcuedit.boards.memory import Flashing, Geometry, Region, Slots

Runner = Literal["pyocd", "openocd", "west", "esptool"]
_JOURNAL_PAGES = 2  # the least: one is written while the other is still whole
_JOURNAL_PAGE = 1024  # bytes, the least: MCUEDIT_JOURNAL_PAGE
_STORE_SLOT = 1 << 20  # bytes that a slot of the store has less than


def _u32(value: int) -> int:
    if not 0 <= value < 1 << 32:
        raise ValueError("an integer of 32 bits")
    return value


def _power_of_two(value: int) -> int:
    if value.bit_count() != 1:
        raise ValueError("a power of two")
    return value


def _core(name: str) -> str:
    if not name.startswith("cortex-m"):
        raise ValueError("a core as gcc calls it, such as cortex-m4")
    return name


def _driver(kind: str) -> AfterValidator:
    """Of firmware/port/<kind>_<driver>.c."""

    def check(name: str) -> str:
        known = sorted(path.stem.removeprefix(f"{kind}_") for path in _port().glob(f"{kind}_*.c"))
        if name not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return name

    return AfterValidator(check)


def _port() -> Path:
    return resources.path("firmware") / "port"


Text = Annotated[str, Field(min_length=1)]
U32 = Annotated[int, AfterValidator(_u32)]
Count = Annotated[U32, Field(gt=0)]
Core = Annotated[Text, AfterValidator(_core)]


class _Region(schema.Form):
    origin: U32
    length: U32

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.length == 0 or self.made.end > 1 << 32:
            schema.check([("length", "a length > 0 that ends within 32 bits of address")])
        return self

    @property
    def made(self) -> Region:
        return Region(self.origin, self.length)


class _Memory(schema.Form):
    flash: _Region
    ram: _Region
    selftest: _Region | None = None
    stack: U32

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema.check(self._faults())
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        flash, ram = self.flash.made, self.ram.made
        if self.stack % 8 or not 0 < self.stack <= ram.length:
            yield "stack", "a multiple of 8 bytes that fits in ram"
        if flash.overlaps(ram):
            yield "ram", "a range apart from flash"
        if self.selftest and (self.selftest.made.overlaps(flash) or self.selftest.made.overlaps(ram)):
            yield "selftest", "a range apart from flash and ram"


class _Uart(schema.Form):
    driver: Annotated[Text, _driver("uart")]
    base: U32
    clock: U32 | None = None


class _Write(schema.Form):
    address: Annotated[U32, Field(multiple_of=4)]  # registers have 32 bits
    clear: U32 = 0
    set: U32


class _Emulation(schema.Form):
    machine: Text
    ticks_per_instruction: Annotated[float, Field(gt=0)]
    cpu: Text | None = None
    uart: Text | None = None
    extends: Text | None = None
    clock: U32 | None = None
    note: list[str] = Field(default=[])


class _Journal(schema.Form):
    origin: U32
    pages: Annotated[U32, Field(ge=_JOURNAL_PAGES)]


class _Slots(schema.Form):
    origin: U32
    size: Count
    count: Count


class _Flash(schema.Form):
    program_unit: Annotated[U32, AfterValidator(_power_of_two)]
    erase_page: Count
    slots: _Slots | None = None
    journal: _Journal | None = None
    driver: Annotated[Text, _driver("flash")] | None = None
    controller: U32 = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema.check([*self._pages(), *(self._stored(self.journal) if self.journal else ())])
        return self

    @property
    def made(self) -> Geometry:
        slots = Slots(self.slots.origin, self.slots.size, self.slots.count) if self.slots else None
        pages = self.journal.pages if self.journal else 0
        return Geometry(self.program_unit, self.erase_page, slots, pages, self.driver, self.controller)

    def _pages(self) -> Iterator[tuple[str, str]]:
        if self.erase_page % self.program_unit:
            yield "erase_page", "a multiple of program_unit"
        for key in ("origin", "size") if self.slots else ():
            if getattr(self.slots, key) % self.erase_page:
                yield f"slots.{key}", "a multiple of erase_page: a slot is erased as a whole, and nothing beside it"

    def _stored(self, journal: _Journal) -> Iterator[tuple[str, str]]:
        """What a store takes."""
        if self.driver is None:
            yield "driver", "the driver that writes the journal: firmware/port/flash_<driver>.c"
        if self.erase_page < _JOURNAL_PAGE:
            yield "erase_page", f"{_JOURNAL_PAGE} or more where there is a journal: a page of it is an erase page"
        region = self.made.region
        if self.slots is None or region is None:
            yield "journal", "[flash] slots beside it: it says what is in them"
            return
        if self.slots.size >= _STORE_SLOT:
            yield "slots", f"a size below {_STORE_SLOT} where there is a journal"
        if journal.origin != region.origin:
            yield "journal.origin", f"{region.origin:#x}: its pages end where the slots begin"


class _Flashing(schema.Form):
    runner: Text
    targets: dict[Runner, Text]

    @property
    def made(self) -> Flashing:
        return Flashing(self.runner, {str(name): target for name, target in self.targets.items()})

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.runner not in self.targets:
            schema.check([("runner", f"one that [flashing.targets] has: {', '.join(self.targets)}")])
        return self


class _Board(schema.Form):
    description: Text
    cpu: Core
    fpu: Literal["none", "fpv4-sp-d16", "fpv5-sp-d16", "fpv5-d16", "mve"]  # as gcc calls them; mve comes with a core
    memory: _Memory
    uart: _Uart
    init: list[_Write] = Field(default=[])
    emulator: dict[str, _Emulation]
    flash: _Flash | None = None
    flashing: _Flashing | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema.check(self._faults())
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        if self.flash is None:
            if self.flashing:
                yield "flash", "[flash] beside [flashing]: what is written is checked against it"
            return
        whole, geometry = self.memory.flash.made, self.flash.made
        slots, region = geometry.slots, geometry.region
        if slots is None or region is None:
            return
        if not whole.origin < region.origin < slots.region.end <= whole.end:
            yield "flash.slots", "a range inside memory.flash, as the journal before it"
        elif slots.region.end != whole.end:
            yield "flash.slots", "a range that ends with memory.flash: firmware takes what is before it"
        elif (region.origin - whole.origin) % geometry.erase_page:
            yield "flash.slots", "an origin whole erase pages from the start of memory.flash"


def read(path: Path) -> Board:
    """A board.toml; the board is called as its folder.

    Raises:
        McueditError: naming the file, and every key with what is expected there.
    """
    toml = schema.read_toml(path, _Board, "boards/virt-m4/board.toml")
    return Board(
        name=path.parent.name,
        description=toml.description,
        cpu=toml.cpu,
        fpu=toml.fpu,
        flash=toml.memory.flash.made,
        ram=toml.memory.ram.made,
        selftest=toml.memory.selftest.made if toml.memory.selftest else None,
        stack=toml.memory.stack,
        uart_driver=toml.uart.driver,
        uart_base=toml.uart.base,
        uart_clock=toml.uart.clock,
        init=tuple(Write(one.address, one.clear, one.set) for one in toml.init),
        emulators={name: _emulation(one, toml.cpu) for name, one in toml.emulator.items()},
        geometry=toml.flash.made if toml.flash else None,
        flashing=toml.flashing.made if toml.flashing else None,
    )


def _emulation(one: _Emulation, cpu: str) -> Emulation:
    return Emulation(**{**dict(one), "cpu": one.cpu or cpu, "note": tuple(one.note)})
