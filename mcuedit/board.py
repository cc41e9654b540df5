# SPDX-License-Identifier: Apache-2.0
"""Boards. A board is a folder boards/<name>/ with a board.toml; adding one takes no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcuedit import resources, tables
from mcuedit.errors import McueditError
from mcuedit.memory import Flashing, Geometry, Region, read_flashing, read_geometry, read_region
from mcuedit.tables import Table


@dataclass(frozen=True)
class Emulation:
    """How one emulator runs a board.

    Attributes:
        machine: the emulator's own name for it: a QEMU machine, a unicorn CPU.
        ticks_per_instruction: what SysTick advances per executed instruction when counting.
    """

    machine: str
    ticks_per_instruction: float


@dataclass(frozen=True)
class Board:
    """One board.toml.

    Attributes:
        gcc, zig: target flags of `arm-none-eabi-gcc` and of `zig cc`.
        flash, ram: where the firmware lives; `stack` bytes of RAM are the stack's.
        selftest: memory for nothing but the vectors of the self-test app, which whoever loads the ELF file fills; None:
            they go to flash.
        uart_driver: firmware/port/uart_<driver>.c, at `uart_base`.
        emulators: by the emulator's name.
        geometry: of the flash; None on boards that nobody can flash.
        flashing: None on boards that nobody can flash.
    """

    name: str
    description: str
    cpu: str
    gcc: tuple[str, ...]
    zig: tuple[str, ...]
    flash: Region
    ram: Region
    selftest: Region | None
    stack: int
    uart_driver: str
    uart_base: int
    emulators: Mapping[str, Emulation]
    geometry: Geometry | None = None
    flashing: Flashing | None = None

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
        McueditError: naming the file, the key and what is expected there.
    """
    root = tables.read(path, "boards/virt-m4/board.toml")
    toolchain, memory, uart = (root.table(key) for key in ("toolchain", "memory", "uart"))
    board = Board(
        name=path.parent.name,
        description=root.text("description"),
        cpu=root.text("cpu"),
        gcc=toolchain.texts("gcc"),
        zig=toolchain.texts("zig"),
        flash=read_region(memory.table("flash")),
        ram=read_region(memory.table("ram")),
        selftest=read_region(memory.table("selftest")) if memory.has("selftest") else None,
        stack=memory.integer("stack"),
        uart_driver=uart.text("driver"),
        uart_base=uart.integer("base"),
        emulators={key: _emulation(table) for key, table in root.table("emulator").tables().items()},
        geometry=read_geometry(root.table("flash")) if root.has("flash") else None,
        flashing=read_flashing(root.table("flashing")) if root.has("flashing") else None,
    )
    _check_values(board, memory, uart)
    _check_flash(board, root)
    for table in (root, toolchain, memory, uart):
        table.refuse_unknown()
    return board


def _emulation(table: Table) -> Emulation:
    emulation = Emulation(table.text("machine"), table.number("ticks_per_instruction"))
    if emulation.ticks_per_instruction <= 0:
        table.fail("ticks_per_instruction", "a number > 0")
    table.refuse_unknown()
    return emulation


def _check_values(board: Board, memory: Table, uart: Table) -> None:
    if board.stack % 8 or not 0 < board.stack <= board.ram.length:
        memory.fail("stack", "a multiple of 8 bytes that fits in ram")
    if board.flash.overlaps(board.ram):
        memory.fail("ram", "a range apart from flash")
    if board.selftest and (board.selftest.overlaps(board.flash) or board.selftest.overlaps(board.ram)):
        memory.fail("selftest", "a range apart from flash and ram")
    driver = resources.path("firmware") / "port" / f"uart_{board.uart_driver}.c"
    if not driver.is_file():
        known = sorted(p.stem.removeprefix("uart_") for p in driver.parent.glob("uart_*.c"))
        uart.fail("driver", f"one of {', '.join(known)}")


def _check_flash(board: Board, root: Table) -> None:
    if (board.geometry is None) != (board.flashing is None):
        root.fail("flash", "[flash] and [flashing] together: a board that can be flashed has both")
    slots = board.geometry.slots if board.geometry else None
    if slots and not board.flash.origin <= slots.origin < slots.region.end <= board.flash.end:
        root.fail("flash.slots", "a range inside memory.flash")
