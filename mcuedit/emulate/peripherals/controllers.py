# SPDX-License-Identifier: Apache-2.0
"""The flash controllers, by the names of their drivers in firmware/port/flash_*.c."""

from __future__ import annotations

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate.peripherals import stm32
from mcuedit.emulate.peripherals.control import Controller, Keyed, Poke
from mcuedit.emulate.peripherals.flash import Flash, Misuse


class VirtualController(Keyed):
    """The virtual boards': address and data by registers."""

    KEY, KEYS, CONTROL = 0x00, (0x6D637565, 0x64697431), 0x04
    _STATUS, _ADDRESS, _DATA, _LOCK, _PROGRAM, _ERASE = 0x08, 0x0C, 0x20, 0, 1, 2

    def read(self, offset: int) -> int:
        return int(self._was_busy()) if offset == self._STATUS else super().read(offset)

    def _control(self, value: int) -> None:
        address, unit = super().read(self._ADDRESS), self.flash.geometry.program_unit
        if value == self._PROGRAM:
            words = range(0, max(unit, 4), 4)
            data = b"".join(super(VirtualController, self).read(self._DATA + i).to_bytes(4, "little") for i in words)
            self._program(address, data[:unit])
        elif value == self._ERASE:
            self._erase(address - self.flash.region.origin)
        elif value == self._LOCK:
            self.words[self.CONTROL] = self.LOCK
        else:
            raise Misuse(f"no command {value}")


class Nordic(Controller):
    """NVMC: words."""

    _READY, _CONFIG, _ERASE_PAGE, _WRITE, _ERASE = 0x400, 0x504, 0x508, 1, 2

    def read(self, offset: int) -> int:
        return int(not self._was_busy()) if offset == self._READY else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == self._CONFIG and self._busy:
            raise Misuse("CONFIG is written while an operation is under way")
        super().write(offset, value)
        if offset == self._ERASE_PAGE:
            if super().read(self._CONFIG) != self._ERASE:
                raise Misuse("ERASEPAGE without CONFIG.EEN")
            self._erase(value - self.flash.region.origin)

    def store(self, address: int, size: int, value: int) -> None:
        if super().read(self._CONFIG) != self._WRITE or size != 4:
            raise Misuse(f"a store of {size} bytes to flash at {address:#x} without CONFIG.WEN, or no word")
        self._program(address, (value & 0xFFFFFFFF).to_bytes(4, "little"))


CONTROLLERS: dict[str, type[Controller]] = {
    "virt": VirtualController,
    "nrf": Nordic,
    "stm32f0": stm32.Stm32F0,
    "stm32f4": stm32.Stm32F4,
    "stm32g0": stm32.Stm32G0,
    "stm32h7": stm32.Stm32H7,
    "stm32l5": stm32.Stm32L5,
}


def controller(board: Board, flash: Flash, poke: Poke) -> Controller:
    """That of a board.

    Raises:
        McueditError: there is no model of it.
    """
    driver = flash.geometry.driver or "none"
    if driver not in CONTROLLERS:
        known = ", ".join(CONTROLLERS)
        raise McueditError(f"board {board.name}: no model of flash {driver!r} for unicorn", f"one of {known}")
    return CONTROLLERS[driver](flash, poke)
