# SPDX-License-Identifier: Apache-2.0
"""Boards. A board is a folder boards/<name>/ with a board.toml; adding one takes no code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mcuedit import resources
from mcuedit.errors import McueditError


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
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise McueditError(f"{path}: {error}", "see boards/virt-m4/board.toml for the form") from error
    root = _Table(path, "", raw)
    toolchain, memory, uart = (root.table(key) for key in ("toolchain", "memory", "uart"))
    board = Board(
        name=path.parent.name,
        description=root.text("description"),
        cpu=root.text("cpu"),
        gcc=toolchain.texts("gcc"),
        zig=toolchain.texts("zig"),
        flash=_region(memory.table("flash")),
        ram=_region(memory.table("ram")),
        selftest=_region(memory.table("selftest")) if memory.has("selftest") else None,
        stack=memory.integer("stack"),
        uart_driver=uart.text("driver"),
        uart_base=uart.integer("base"),
        emulators={key: _emulation(table) for key, table in root.table("emulator").tables().items()},
    )
    _check_values(board, memory, uart)
    for table in (root, toolchain, memory, uart):
        table.refuse_unknown()
    return board


def _region(table: _Table) -> Region:
    region = Region(table.integer("origin"), table.integer("length"))
    if region.length == 0 or region.end > 1 << 32:
        table.fail("length", "a length > 0 that ends within 32 bits of address")
    table.refuse_unknown()
    return region


def _emulation(table: _Table) -> Emulation:
    emulation = Emulation(table.text("machine"), table.number("ticks_per_instruction"))
    if emulation.ticks_per_instruction <= 0:
        table.fail("ticks_per_instruction", "a number > 0")
    table.refuse_unknown()
    return emulation


def _check_values(board: Board, memory: _Table, uart: _Table) -> None:
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


class _Table:
    """A TOML table that knows where it stands and which of its keys were read."""

    def __init__(self, path: Path, prefix: str, raw: dict[str, Any]) -> None:
        self._path, self._prefix, self._raw = path, prefix, raw
        self._read: set[str] = set()

    def fail(self, key: str, expected: str) -> NoReturn:
        raise McueditError(f"{self._path}: key {self._prefix}{key}: expected {expected}", "mend the board.toml")

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str) -> Any:
        self._read.add(key)
        value = self._raw.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            found = "it is missing" if value is None else f"found {value!r}"
            self.fail(key, f"{expected}, {found}")
        return value

    def has(self, key: str) -> bool:
        return key in self._raw

    def text(self, key: str) -> str:
        value = str(self._get(key, str, "a text"))
        if not value:
            self.fail(key, "a text that is not empty")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._get(key, list, "a list of texts")
        if not values or not all(isinstance(value, str) for value in values):
            self.fail(key, f"a list of texts, found {values!r}")
        return tuple(values)

    def integer(self, key: str) -> int:
        value = int(self._get(key, int, "an integer"))
        if not 0 <= value < 1 << 32:
            self.fail(key, f"an integer of 32 bits, found {value}")
        return value

    def number(self, key: str) -> float:
        return float(self._get(key, (int, float), "a number"))

    def table(self, key: str) -> _Table:
        return _Table(self._path, f"{self._prefix}{key}.", self._get(key, dict, "a table"))

    def tables(self) -> dict[str, _Table]:
        return {key: self.table(key) for key in self._raw}

    def refuse_unknown(self) -> None:
        for key in self._raw.keys() - self._read:
            self.fail(key, "no such key (a slip of the pen?)")
