# SPDX-License-Identifier: Apache-2.0
"""What lies around a unicorn core: a board's memory, its registers, and the flash that only its controller changes."""

from __future__ import annotations

from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate.peripherals import controllers, registers
from mcuedit.emulate.peripherals.control import Controller
from mcuedit.emulate.peripherals.flash import Flash, Misuse

_LOST = b"\xa5"  # what memory holds after its power was cut

Parts = list[tuple[int, registers.Registers]]


class Surroundings:
    """Memory and registers of a board, mapped into a core.

    Args:
        uc: the module unicorn.
        line: the other end of the UART.
        flash: what firmware writes; None: it writes none.

    Attributes:
        misuse: what firmware did to the flash that it cannot take; the core was stopped then.

    Raises:
        McueditError: something of the board cannot be had here.
    """

    def __init__(self, uc: Any, core: Any, board: Board, line: registers.Line, flash: Flash | None) -> None:
        self._core, self._board, self._line, self.flash = core, board, line, flash
        self._controller: Controller | None = None
        self.misuse: str | None = None
        self._pages = self._make_pages()
        try:
            core.mem_map(board.flash.origin, board.flash.length, uc.UC_PROT_READ | uc.UC_PROT_EXEC)
            core.mem_map(board.ram.origin, board.ram.length, uc.UC_PROT_ALL)
            if board.selftest:
                core.mem_map(board.selftest.origin, board.selftest.length, uc.UC_PROT_READ)
            for page, parts in self._pages.items():
                core.mmio_map(page, registers.PAGE, self._read, parts, self._write, parts)
        except uc.UcError as error:
            raise McueditError(f"board {board.name}: {error}", "ranges must be whole 4 KB pages and apart") from error
        if flash is not None:
            core.mem_write(flash.region.origin, bytes(flash.content))
            core.hook_add(uc.UC_HOOK_MEM_WRITE_PROT, self._store)

    @property
    def powered(self) -> bool:
        """Whether power was not cut."""
        return self.flash is None or self.flash.powered

    def reset(self) -> None:
        """All registers as they are after a reset; memory stays as it is."""
        for page, parts in self._make_pages().items():
            self._pages[page][:] = parts

    def power_cycle(self) -> None:
        """A reset that memory does not outlive, and flash does."""
        if self.flash is not None:
            self.flash.power_on()
            self._core.mem_write(self.flash.region.origin, bytes(self.flash.content))
        self._core.mem_write(self._board.ram.origin, _LOST * self._board.ram.length)
        self.misuse = None
        self.reset()

    def _make_pages(self) -> dict[int, Parts]:
        more: dict[int, registers.Registers] = {}
        if self.flash is not None:
            self._controller = controllers.controller(self._board, self.flash, self._poke)
            more[self.flash.geometry.controller] = self._controller
        return registers.pages(self._board, self._line, self._load_byte, self._store_byte, more)

    def _load_byte(self, address: int) -> int:
        return int(self._core.mem_read(address, 1)[0])

    def _store_byte(self, address: int, byte: int) -> None:
        self._core.mem_write(address, bytes([byte]))

    def _poke(self, address: int, data: bytes) -> None:
        self._core.mem_write(address, data)

    def _read(self, core: Any, offset: int, size: int, parts: Parts) -> int:
        begin, part = _at(parts, offset)
        try:
            return part.read(offset - begin)
        except Misuse as error:
            self._stop(error)
            return 0

    def _write(self, core: Any, offset: int, size: int, value: int, parts: Parts) -> None:
        begin, part = _at(parts, offset)
        try:
            part.write(offset - begin, value)
        except Misuse as error:
            self._stop(error)
        if not self.powered:
            core.emu_stop()

    def _store(self, core: Any, access: int, address: int, size: int, value: int, data: Any) -> bool:
        """The core stores to memory that it may not write: nothing changes there but by the controller."""
        if self.flash is None or self._controller is None:
            return False
        if not self.flash.region.origin <= address < self.flash.region.end:
            return False
        try:
            self._controller.store(address, size, value)
        except Misuse as error:
            self._stop(error)
        if not self.powered:
            core.emu_stop()
        return True

    def _stop(self, error: Misuse) -> None:
        self.misuse = self.misuse or str(error)
        self._core.emu_stop()


def _at(parts: Parts, offset: int) -> tuple[int, registers.Registers]:
    """The part of a page that has an offset, and where it begins."""
    return next(entry for entry in reversed(parts) if entry[0] <= offset)
