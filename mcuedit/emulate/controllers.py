# SPDX-License-Identifier: Apache-2.0
"""Flash controllers as the drivers in firmware/port/flash_*.c see them.

Each refuses what the part refuses: registers ignore writes until they are unlocked, and stay locked until the next
reset after a wrong key; a store to flash that no register announced, while the part is busy, or of another width than
the part programs is a `Misuse`. Busy is seen once after each operation.
"""

from __future__ import annotations

from collections.abc import Callable

from mcuedit.board import Board
from mcuedit.emulate.flash import Flash, Misuse
from mcuedit.emulate.registers import Registers
from mcuedit.errors import McueditError

_STM32_KEYS = (0x45670123, 0xCDEF89AB)
Poke = Callable[[int, bytes], None]


class Controller(Registers):
    """What all have in common.

    Args:
        poke: puts bytes at an address of the device's memory, past all protection.
    """

    def __init__(self, flash: Flash, poke: Poke) -> None:
        super().__init__()
        self.flash, self._poke = flash, poke
        self._busy = False

    def store(self, address: int, size: int, value: int) -> None:
        """The core stores to flash."""
        raise Misuse(f"a store to flash at {address:#x}, which has to go through registers")

    def _program(self, address: int, data: bytes) -> None:
        self._begin()
        offset = address - self.flash.region.origin
        self.flash.program(offset, data)
        self._show(offset, len(data))

    def _erase(self, offset: int) -> None:
        self._begin()
        self.flash.erase(offset)
        self._show(offset, self.flash.geometry.erase_page)

    def _begin(self) -> None:
        if self._busy:
            raise Misuse("an operation while another one is under way")
        self._busy = True

    def _was_busy(self) -> bool:
        busy, self._busy = self._busy, False
        return busy

    def _show(self, offset: int, size: int) -> None:
        self._poke(self.flash.region.origin + offset, bytes(self.flash.content[offset : offset + size]))

    def _erase_number(self, page: int) -> None:
        """Erases a page by its number as the controller counts."""
        self._erase((page - self.flash.first_page) * self.flash.geometry.erase_page)


class Keyed(Controller):
    """One that two keys unlock.

    Attributes:
        KEY, KEYS, CONTROL, LOCK: where they go, what they are; the register that is locked, and its bit for it.
    """

    KEY, KEYS, CONTROL, LOCK = 0x04, _STM32_KEYS, 0x10, 1 << 31

    def __init__(self, flash: Flash, poke: Poke) -> None:
        super().__init__(flash, poke)
        self._next_key = 0
        self._dead = False
        self.words[self.CONTROL] = self.LOCK

    @property
    def locked(self) -> bool:
        """Whether the control register ignores what is written to it."""
        return bool(self.words[self.CONTROL] & self.LOCK)

    def write(self, offset: int, value: int) -> None:
        if offset == self.KEY:
            self._take_key(value)
        elif offset != self.CONTROL:
            super().write(offset, value)
        elif not self.locked:
            if self._busy:
                raise Misuse("the control register is written while an operation is under way")
            super().write(offset, value)
            if not value & self.LOCK:
                self._control(value)

    def _take_key(self, value: int) -> None:
        if self._dead or not self.locked or value != self.KEYS[self._next_key]:
            self._dead, self.words[self.CONTROL] = True, self.LOCK
            return
        self._next_key ^= 1
        if self._next_key == 0:
            self.words[self.CONTROL] = 0

    def _control(self, value: int) -> None:
        """The control register was written, unlocked."""


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
    "stm32f0": Stm32F0,
    "stm32f4": Stm32F4,
    "stm32g0": Stm32G0,
    "stm32h7": Stm32H7,
    "stm32l5": Stm32L5,
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
