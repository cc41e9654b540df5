# SPDX-License-Identifier: Apache-2.0
"""The flash controllers of ST's parts, as the drivers in firmware/port/flash_stm32*.c see them."""

from __future__ import annotations

from mcuedit.emulate.peripherals.control import Keyed, Poke
from mcuedit.emulate.peripherals.flash import Flash, Misuse


class Stm32(Keyed):
    """Those of ST, which differ in where things are and in how wide a store must be.

    Attributes:
        STATUS, BUSY: register and bits.
        PG, ERASE, START: bits of the control register; ERASE selects pages.
    """

    STATUS, BUSY = 0x0C, 1 << 16
    PG, ERASE, START = 1 << 0, 1 << 1, 1 << 16

    def __init__(self, flash: Flash, poke: Poke) -> None:
        super().__init__(flash, poke)
        self._pending: list[int] = []  # words of a unit that is not yet whole
        self._pending_at = 0

    def read(self, offset: int) -> int:
        if offset == self.STATUS:
            if self._pending:
                raise Misuse("a unit that was begun and not ended")
            return self.BUSY if self._was_busy() else 0
        return super().read(offset)

    def store(self, address: int, size: int, value: int) -> None:
        unit = self.flash.geometry.program_unit
        if self.locked or not self.words[self.CONTROL] & self.PG:
            raise Misuse(f"a store to flash at {address:#x}, which the control register does not announce")
        if size != self._width():
            raise Misuse(f"a store of {size} bytes to flash, not of {self._width()}")
        if not self._pending:
            self._pending_at = address
        if address != self._pending_at + len(self._pending) * size or self._pending_at % unit:
            raise Misuse(f"a store to flash at {address:#x}, out of order")
        self._pending.append(value & 0xFFFFFFFF)
        if len(self._pending) * size == unit:
            data = b"".join((word & (1 << 8 * size) - 1).to_bytes(size, "little") for word in self._pending)
            self._pending.clear()
            self._program(self._pending_at, data)

    def _control(self, value: int) -> None:
        if self._pending:
            raise Misuse("a unit that was begun and not ended")
        if value & self.START:
            if not value & self.ERASE or value & self.PG:
                raise Misuse(f"start with {value:#x} in the control register, which selects no page")
            self.words[self.CONTROL] &= ~self.START
            self._erase_selected(value)

    def _erase_selected(self, value: int) -> None:
        """Erases the page that registers, the control register's `value` among them, select."""
        raise NotImplementedError

    def _width(self) -> int:
        """Bytes that a store must have."""
        return min(self.flash.geometry.program_unit, 4)


class Stm32F4(Stm32):
    """F4 and F7: sectors of three sizes, of which the region takes the largest; PSIZE says how wide stores are."""

    _SMALL_SECTORS = 4

    def _width(self) -> int:
        return 1 << (self.words[self.CONTROL] >> 8 & 3)

    def _erase_selected(self, value: int) -> None:
        self._erase_number((value >> 3 & 0xF) - self._SMALL_SECTORS)


class Stm32F0(Stm32):
    """Half-words; a page by its address."""

    BUSY, START, LOCK = 1 << 0, 1 << 6, 1 << 7
    _ADDRESS = 0x14

    def _erase_selected(self, value: int) -> None:
        self._erase(self.read(self._ADDRESS) - self.flash.region.origin)


class Stm32G0(Stm32):
    """Double words."""

    KEY, STATUS, CONTROL, BUSY = 0x08, 0x10, 0x14, 1 << 16 | 1 << 18

    def _erase_selected(self, value: int) -> None:
        self._erase_number(value >> 3 & 0x3F)


class Stm32L5(Stm32):
    """Double words, two banks, the registers of the non-secure side."""

    KEY, STATUS, CONTROL = 0x08, 0x20, 0x28

    def _erase_selected(self, value: int) -> None:
        self._erase_number((value >> 3 & 0x7F) + (value >> 11 & 1) * 128)


class Stm32H7(Stm32):
    """Eight words, two banks; the registers of the bank in which the region lies, the other's do nothing."""

    STATUS, CONTROL, BUSY, LOCK = 0x10, 0x0C, 1 << 0 | 1 << 2, 1 << 0
    PG, ERASE, START = 1 << 1, 1 << 2, 1 << 7
    _SECTORS, _BANKS = 8, 0x100

    def __init__(self, flash: Flash, poke: Poke) -> None:
        super().__init__(flash, poke)
        self._bank = flash.first_page // self._SECTORS

    def read(self, offset: int) -> int:
        return super().read(offset - self._bank * self._BANKS)

    def write(self, offset: int, value: int) -> None:
        super().write(offset - self._bank * self._BANKS, value)

    def _erase_selected(self, value: int) -> None:
        self._erase_number((value >> 8 & 7) + self._bank * self._SECTORS)
