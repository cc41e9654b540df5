# SPDX-License-Identifier: Apache-2.0
"""What the drivers in firmware/port see of a board: its UART, and registers that keep what was written to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board

PAGE = 0x1000
_WORD = 0xFFFFFFFF


class Line(Protocol):
    """The other end of a UART."""

    def receive(self) -> int | None:
        """The next byte for the device; None: there is none now."""
        ...

    def send(self, byte: int) -> None:
        """A byte of the device."""
        ...


class Registers:
    """A page of registers that only keep what is written: clocks, pins."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}

    def read(self, offset: int) -> int:
        return self.words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self.words[offset] = value & _WORD


@dataclass(frozen=True)
class Layout:
    """A polled UART with a data register. Offsets in bytes, bits as masks.

    Attributes:
        status, ready, full: where and how it says that it can send, and that a byte arrived.
        incoming, outgoing: the data registers.
        control, enable: nothing moves unless all of `enable` is set there.
        rate: the divider of the baud rate, which must not be 0.
    """

    status: int
    ready: int
    full: int
    incoming: int
    outgoing: int
    control: int
    enable: int
    rate: int


LAYOUTS = {
    "cmsdk": Layout(status=0x04, ready=0, full=0x02, incoming=0, outgoing=0, control=0x08, enable=0x03, rate=0x10),
    "stm32v1": Layout(
        status=0x00, ready=0xC0, full=0x20, incoming=0x04, outgoing=0x04, control=0x0C, enable=0x200C, rate=0x08
    ),
    "stm32v2": Layout(
        status=0x1C, ready=0xC0, full=0x20, incoming=0x24, outgoing=0x28, control=0x00, enable=0x0D, rate=0x0C
    ),
}


class PolledUart(Registers):
    """A UART by its layout. A byte arrives when the status is read."""

    def __init__(self, layout: Layout, line: Line) -> None:
        super().__init__()
        self._layout, self._line = layout, line
        self._arrived: int | None = None

    @property
    def _enabled(self) -> bool:
        enabled = self.words.get(self._layout.control, 0) & self._layout.enable == self._layout.enable
        return enabled and self.words.get(self._layout.rate, 0) != 0

    def read(self, offset: int) -> int:
        if offset == self._layout.status:
            if self._arrived is None and self._enabled:
                self._arrived = self._line.receive()
            return self._layout.ready | (0 if self._arrived is None else self._layout.full)
        if offset == self._layout.incoming:
            byte, self._arrived = self._arrived, None
            return byte or 0
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        if offset == self._layout.outgoing and self._enabled:
            self._line.send(value & 0xFF)


class NordicUart(Registers):
    """UARTE: bytes go from and to memory. A byte arrives when the event of its end is read.

    Args:
        load, store: one byte of the device's memory.
    """

    _START_RX, _START_TX, _END_RX, _END_TX, _ENABLE, _RATE = 0x000, 0x008, 0x110, 0x120, 0x500, 0x524
    _RX_POINTER, _RX_COUNT, _TX_POINTER, _TX_COUNT = 0x534, 0x538, 0x544, 0x548
    _ENABLED = 8

    def __init__(self, line: Line, load: Callable[[int], int], store: Callable[[int, int], None]) -> None:
        super().__init__()
        self._line, self._load, self._store = line, load, store
        self._left = 0  # bytes that the reception under way still takes

    @property
    def _enabled(self) -> bool:
        return self.read(self._ENABLE) == self._ENABLED and self.read(self._RATE) != 0

    def read(self, offset: int) -> int:
        if offset == self._END_RX and self._left and (byte := self._line.receive()) is not None:
            count = super().read(self._RX_COUNT)
            self._store(super().read(self._RX_POINTER) + count - self._left, byte)
            self._left -= 1
            self.words[self._END_RX] = int(self._left == 0)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        if not self._enabled or not value:
            return
        if offset == self._START_RX:
            self._left = super().read(self._RX_COUNT)
        elif offset == self._START_TX:
            for i in range(super().read(self._TX_COUNT)):
                self._line.send(self._load(super().read(self._TX_POINTER) + i))
            self.words[self._END_TX] = 1


def pages(
    board: Board,
    line: Line,
    load: Callable[[int], int],
    store: Callable[[int, int], None],
    more: Mapping[int, Registers] | None = None,
) -> dict[int, list[tuple[int, Registers]]]:
    """Everything that start-up and UART driver of a board touch.

    Args:
        load, store: one byte of the device's memory.
        more: what else there is, by its address.

    Returns:
        By the address of a 4 KB page: its parts, each with the offset where it begins, in ascending order.

    Raises:
        McueditError: no model of the board's UART.
    """
    if board.uart_driver == "nrf":
        uart: Registers = NordicUart(line, load, store)
    elif board.uart_driver in LAYOUTS:
        uart = PolledUart(LAYOUTS[board.uart_driver], line)
    else:
        known = ", ".join(("nrf", *LAYOUTS))
        raise McueditError(f"board {board.name}: no model of UART {board.uart_driver!r} for unicorn", f"one of {known}")
    found: dict[int, dict[int, Registers]] = {}
    for address in (write.address for write in board.init):
        found.setdefault(address - address % PAGE, {0: Registers()})
    for address, part in ({board.uart_base: uart} | dict(more or {})).items():
        at = address % PAGE
        found.setdefault(address - at, {0: Registers()})[at] = part
    return {page: sorted(parts.items(), key=lambda entry: entry[0]) for page, parts in found.items()}
