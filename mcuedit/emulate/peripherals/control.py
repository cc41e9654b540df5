# SPDX-License-Identifier: Apache-2.0
"""What flash controllers have in common.

Each refuses what the part refuses: registers ignore writes until they are unlocked, and stay locked until the next
reset after a wrong key; a store to flash that no register announced, while the part is busy, or of another width than
the part programs is a `Misuse`. Busy is seen once after each operation.
"""

from __future__ import annotations

from collections.abc import Callable

from mcuedit.emulate.peripherals.flash import Flash, Misuse
from mcuedit.emulate.peripherals.registers import Registers

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

    KEY, KEYS, CONTROL, LOCK = 0x04, (0x45670123, 0xCDEF89AB), 0x10, 1 << 31

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
