# SPDX-License-Identifier: Apache-2.0
"""Boards. A board is a folder boards/<name>/ with a board.toml; adding one takes no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit.boards.memory import Flashing, Geometry, Region

_ZIG = {("cortex-m7", "fpv5-sp-d16"): "-fp64", ("cortex-m55", "mve"): "+mve"}  # where clang takes the core for another


@dataclass(frozen=True)
class Emulation:
    """How one emulator runs a board.

    Attributes:
        machine: the emulator's own name for it: a QEMU machine, a unicorn CPU, a Renode platform.
        ticks_per_instruction: what SysTick advances per executed instruction when counting.
        cpu: the core that is emulated in place of the board's, where the emulator lacks that one.
        uart: the emulator's own name of the console, where it has one.
        extends: the platform of the emulator that a platform of our own adds the controller of the flash to.
        clock: Hz of the core, in a platform of our own from the ground up.
        note: lines that stand in a platform of our own.
    """

    machine: str
    ticks_per_instruction: float
    cpu: str
    uart: str | None
    extends: str | None = None
    clock: int | None = None
    note: tuple[str, ...] = ()


@dataclass(frozen=True)
class Write:
    """A change of a 32-bit register: bits to clear, then bits to set."""

    address: int
    clear: int
    set: int


@dataclass(frozen=True)
class Board:
    """One board.toml.

    Attributes:
        fpu: as gcc calls it, or none; mve comes with a core.
        flash, ram: where the firmware lives; `stack` bytes of RAM are the stack's.
        selftest: memory for nothing but the vectors of the self-test app, which whoever loads the ELF file fills; None:
            they go to flash.
        uart_driver: firmware/port/uart_<driver>.c, at `uart_base`.
        uart_clock: Hz that its baud rate is divided from; None: its driver needs no such thing.
        init: what to write after reset, in this order: clocks and pins of the UART.
        emulators: by the emulator's name.
        geometry: of the flash; None on boards that nobody can flash.
        flashing: None on boards that nobody can flash.
    """

    name: str
    description: str
    cpu: str
    fpu: str
    flash: Region
    ram: Region
    selftest: Region | None
    stack: int
    uart_driver: str
    uart_base: int
    uart_clock: int | None
    init: tuple[Write, ...]
    emulators: Mapping[str, Emulation]
    geometry: Geometry | None = None
    flashing: Flashing | None = None

    @property
    def gcc(self) -> tuple[str, ...]:
        """Target flags of `arm-none-eabi-gcc`."""
        if self.fpu == "none":
            return (f"-mcpu={self.cpu}",)
        return (f"-mcpu={self.cpu}", "-mfloat-abi=hard", *([f"-mfpu={self.fpu}"] if self.fpu != "mve" else []))

    @property
    def zig(self) -> tuple[str, ...]:
        """Target flags of `zig cc`."""
        abi = "eabi" if self.fpu == "none" else "eabihf"
        core = self.cpu.replace("-", "_") + _ZIG.get((self.cpu, self.fpu), "")
        return ("-target", f"thumb-freestanding-{abi}", f"-mcpu={core}")

    def holds(self, flash: int, ram: int) -> bool:
        """Whether a firmware of so many bytes fits, its stack among the RAM."""
        return flash <= self.code.length and ram <= self.ram.length

    @property
    def code(self) -> Region:
        """What of the flash is the firmware's: all before the store's journal and the slots of adapters."""
        region = self.geometry.region if self.geometry else None
        return Region(self.flash.origin, region.origin - self.flash.origin) if region else self.flash

    @property
    def store(self) -> Region | None:
        """Where the store of adapters lies; None: the board has none, as it has no journal."""
        return self.geometry.region if self.geometry and self.geometry.journal_pages else None

    @property
    def defines(self) -> tuple[str, ...]:
        """What firmware/port must know, as macros."""
        macros = [f"PORT_UART_BASE={self.uart_base:#x}u"]
        if self.uart_clock is not None:
            macros.append(f"PORT_UART_CLOCK={self.uart_clock}u")
        if self.init:
            writes = (f"{{{w.address:#x}u, {w.clear:#x}u, {w.set:#x}u}}" for w in self.init)
            macros.append(f"PORT_WRITES={', '.join(writes)}")
        return (*macros, *self._flash_defines())

    def _flash_defines(self) -> tuple[str, ...]:
        geometry = self.geometry
        if geometry is None or geometry.driver is None or geometry.slots is None or geometry.region is None:
            return ()
        return (
            f"PORT_FLASH={geometry.region.origin:#x}u",
            f"PORT_FLASH_CONTROLLER={geometry.controller:#x}u",
            f"PORT_FLASH_UNIT={geometry.program_unit}u",
            f"PORT_FLASH_PAGE={geometry.erase_page}u",
            f"PORT_FLASH_FIRST={(geometry.region.origin - self.flash.origin) // geometry.erase_page}u",
            f"PORT_FLASH_JOURNAL={geometry.journal_pages}u",
            f"PORT_FLASH_SLOT={geometry.slots.size}u",
            f"PORT_FLASH_SLOTS={geometry.slots.count}u",
        )

    def emulation(self, emulator: str) -> Emulation:
        """How `emulator` runs this board.

        Raises:
            McueditError: it does not.
        """
        if emulator not in self.emulators:
            others = ", ".join(n for n in names() if emulator in load(n).emulators)
            raise McueditError(
                f"board {self.name} does not run on {emulator}",
                f"it runs on {', '.join(self.emulators)}; boards for {emulator}: {others or 'none'}",
            )
        return self.emulators[emulator]


def names() -> list[str]:
    """Names of all boards, sorted."""
    return sorted(path.parent.name for path in resources.path("boards").glob("*/board.toml"))


def load(name: str) -> Board:
    """Reads a board by its name.

    Raises:
        McueditError: there is none of that name, or its board.toml is malformed.
    """
    if name not in names():
        raise McueditError(f"no board {name!r}", f"boards: {', '.join(names())}")
    return parse(resources.path("boards") / name / "board.toml")


def parse(path: Path) -> Board:
    """Reads a board.toml; the board is called as its folder.

    Raises:
        McueditError: naming the file, and every key with what is expected there.
    """
    from mcuedit.boards import form  # takes pydantic's time

    return form.read(path)
