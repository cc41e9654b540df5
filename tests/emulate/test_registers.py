# SPDX-License-Identifier: Apache-2.0
"""The models of the UARTs: a driver that does not do its part hears and says nothing."""

from __future__ import annotations

import dataclasses

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.emulate.peripherals.registers import LAYOUTS, NordicUart, PolledUart, Registers, pages


class Line:
    """Says `said`, keeps what it hears."""

    def __init__(self, said: bytes = b"") -> None:
        self.said, self.heard = bytearray(said), bytearray()

    def receive(self) -> int | None:
        return self.said.pop(0) if self.said else None

    def send(self, byte: int) -> None:
        self.heard.append(byte)


@pytest.mark.parametrize("name", LAYOUTS)
def test_polled(name: str) -> None:
    layout, line = LAYOUTS[name], Line(b"ab")
    uart = PolledUart(layout, line)

    def poll() -> bool:
        return bool(uart.read(layout.status) & layout.full)

    for control, rate in ((0, 1), (layout.enable, 0), (layout.enable & (layout.enable - 1), 1)):
        uart.write(layout.control, control)
        uart.write(layout.rate, rate)
        uart.write(layout.outgoing, ord("x"))
        assert not poll()
    uart.write(layout.control, layout.enable)
    uart.write(layout.rate, 69)
    assert uart.read(layout.status) & layout.ready == layout.ready
    for expected in b"ab":
        assert poll()
        assert poll()  # it stays until it is read
        assert uart.read(layout.incoming) == expected
    assert not poll()
    uart.write(layout.outgoing, 0x100 | ord("y"))
    assert line.heard == b"y"
    assert uart.read(layout.rate) == 69


def test_nordic() -> None:
    memory, line = bytearray(b"..xy"), Line(b"ab")
    uart = NordicUart(line, memory.__getitem__, memory.__setitem__)
    uart.write(0x534, 0)  # RXD.PTR
    uart.write(0x538, 2)  # RXD.MAXCNT
    uart.write(0x544, 2)  # TXD.PTR
    uart.write(0x548, 2)  # TXD.MAXCNT
    for task in (0x000, 0x008):
        uart.write(task, 1)  # nothing is enabled yet
    assert (uart.read(0x110), uart.read(0x120), line.heard) == (0, 0, b"")
    uart.write(0x524, 0x01D60000)
    uart.write(0x500, 8)
    uart.write(0x000, 1)
    assert [uart.read(0x110) for _ in range(3)] == [0, 1, 1]  # two bytes make one event
    assert memory == b"abxy"
    uart.write(0x110, 0)
    assert uart.read(0x110) == 0
    uart.write(0x008, 1)
    assert (uart.read(0x120), line.heard) == (1, b"xy")


def test_pages() -> None:
    b = board.load("stm32f746g_disco")
    found = pages(b, Line(), lambda address: 0, lambda address, byte: None)
    assert set(found) == {0x40023000, 0x40020000, 0x40011000}
    assert [at for at, _ in found[0x40011000]] == [0]
    inner = pages(board.load("stm32f4_discovery"), Line(), lambda address: 0, lambda address, byte: None)
    (first, storage), (second, uart) = inner[0x40004000]
    assert (first, second) == (0, 0x400)
    assert type(storage) is Registers
    assert isinstance(uart, PolledUart)
    storage.write(0x30, 1 << 32 | 5)
    assert storage.read(0x30) == 5
    with pytest.raises(McueditError, match="no model of UART 'pl011' for unicorn"):
        pages(dataclasses.replace(b, uart_driver="pl011"), Line(), lambda address: 0, lambda address, byte: None)
