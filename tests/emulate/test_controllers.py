# SPDX-License-Identifier: Apache-2.0
"""The models of flash and its controllers: what a part refuses, they refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.emulate.peripherals.control import Controller, Keyed
from mcuedit.emulate.peripherals.controllers import CONTROLLERS, controller
from mcuedit.emulate.peripherals.flash import Cut, Flash, Misuse
from mcuedit.emulate.peripherals.stm32 import Stm32

BOARDS = {
    "virt": "virt-m4",
    "nrf": "nrf52840dk",
    "stm32f0": "stm32f072b_discovery",
    "stm32f4": "stm32f4_discovery",
    "stm32g0": "nucleo_g071rb",
    "stm32h7": "nucleo_h753zi",
    "stm32l5": "nucleo_l552ze_q",
}
STM32 = [name for name, kind in CONTROLLERS.items() if issubclass(kind, Stm32)]
ONE = b"\x01"


def make(name: str) -> tuple[Flash, Controller, int]:
    """A controller, its flash, and where its registers begin: H7 has them once for each bank."""
    b = board.load(BOARDS[name])
    flash = Flash.of(b)
    return flash, controller(b, flash, lambda address, data: None), 0x100 if name == "stm32h7" else 0


def unlock(it: Keyed, at: int) -> None:
    for key in it.KEYS:
        it.write(at + it.KEY, key)


def program(it: Stm32, flash: Flash, address: int) -> None:
    """A unit of zeros by as many stores as it takes."""
    unit = flash.geometry.program_unit
    width = min(unit, 4)
    for offset in range(0, unit, width):
        it.store(address + offset, width, 0)


def test_every_driver_has_a_model() -> None:
    assert BOARDS.keys() == CONTROLLERS.keys()
    used = {geometry.driver for name in board.names() if (geometry := board.load(name).geometry)}
    assert used == CONTROLLERS.keys() | {"ram"}
    b = board.load("virt-m4")
    assert b.geometry
    other = dataclasses.replace(b, geometry=dataclasses.replace(b.geometry, driver="ram"))
    with pytest.raises(McueditError, match="no model of flash 'ram' for unicorn"):
        controller(other, Flash.of(other), lambda address, data: None)
    without = dataclasses.replace(b, geometry=None)
    with pytest.raises(McueditError, match="firmware of board virt-m4 writes no flash"):
        Flash.of(without)


@pytest.mark.parametrize("name", STM32)
def test_locked(name: str) -> None:
    """Nothing is programmed without the keys, nor after a wrong one."""
    for keys in ((), (1,), (0x45670123, 1), (0xCDEF89AB, 0x45670123)):
        flash, it, at = make(name)
        assert isinstance(it, Stm32)
        for key in keys:
            it.write(at + it.KEY, key)
        it.write(at + it.CONTROL, it.PG | 2 << 8)
        with pytest.raises(Misuse, match="which the control register does not announce"):
            program(it, flash, flash.region.origin)
        if keys:  # locked until the next reset
            unlock(it, at)
            assert it.locked
    assert flash.operations == 0


@pytest.mark.parametrize("name", STM32)
def test_program(name: str) -> None:
    flash, it, at = make(name)
    assert isinstance(it, Stm32)
    unlock(it, at)
    with pytest.raises(Misuse, match="does not announce"):
        program(it, flash, flash.region.origin)
    it.write(at + it.CONTROL, it.PG | 2 << 8 if name == "stm32f4" else it.PG)
    program(it, flash, flash.region.origin)
    with pytest.raises(Misuse, match="while another one is under way"):
        program(it, flash, flash.region.origin + flash.geometry.program_unit)
    assert it.read(at + it.STATUS) & it.BUSY
    assert not it.read(at + it.STATUS) & it.BUSY
    with pytest.raises(Misuse, match="was programmed before"):
        program(it, flash, flash.region.origin)
    assert set(flash.content[: flash.geometry.program_unit]) == {0}


@pytest.mark.parametrize("name", STM32)
def test_stores_of_other_widths_and_orders(name: str) -> None:
    flash, it, at = make(name)
    assert isinstance(it, Stm32)
    unlock(it, at)
    it.write(at + it.CONTROL, it.PG | 2 << 8 if name == "stm32f4" else it.PG)
    with pytest.raises(Misuse, match="a store of 1 bytes to flash, not of"):
        it.store(flash.region.origin, 1, 0)
    width = min(flash.geometry.program_unit, 4)
    if flash.geometry.program_unit > width:
        with pytest.raises(Misuse, match="out of order"):
            it.store(flash.region.origin + width, width, 0)
        flash, it, at = make(name)
        assert isinstance(it, Stm32)
        unlock(it, at)
        it.write(at + it.CONTROL, it.PG)
        it.store(flash.region.origin, width, 0)
        with pytest.raises(Misuse, match="begun and not ended"):
            it.read(at + it.STATUS)


def test_nordic() -> None:
    flash, it, _ = make("nrf")
    with pytest.raises(Misuse, match=r"without CONFIG\.WEN"):
        it.store(flash.region.origin, 4, 0)
    with pytest.raises(Misuse, match=r"ERASEPAGE without CONFIG\.EEN"):
        it.write(0x508, flash.region.origin)
    it.write(0x504, 1)
    it.store(flash.region.origin, 4, 0x04030201)
    assert flash.content[:4] == b"\1\2\3\4"
    with pytest.raises(Misuse, match="CONFIG is written while"):
        it.write(0x504, 2)
    assert [it.read(0x400) for _ in range(2)] == [0, 1]
    it.write(0x504, 2)
    it.write(0x508, flash.region.origin)
    assert set(flash.content) == {0xFF}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda flash: flash.program(1, ONE * flash.geometry.program_unit),
        lambda flash: flash.program(0, ONE),
        lambda flash: flash.program(flash.region.length, ONE * flash.geometry.program_unit),
        lambda flash: flash.erase(flash.geometry.program_unit),
        lambda flash: flash.erase(-flash.geometry.erase_page),
        lambda flash: flash.erase(flash.region.length),
    ],
)
def test_what_is_no_unit_and_no_page(wrong: Callable[[Flash], None]) -> None:
    flash = Flash.of(board.load("virt-m4"))
    with pytest.raises(Misuse):
        wrong(flash)
    assert flash.operations == 0


@pytest.mark.parametrize(("moment", "programmed", "erased"), [("before", 0, 0), ("torn", 4, 0.5), ("after", 8, 1)])
def test_cuts(moment: str, programmed: int, erased: float) -> None:
    flash = Flash.of(board.load("virt-m4"))
    page = flash.geometry.erase_page
    flash.content[:page] = bytes(page)
    flash.cut(Cut(1, moment))
    flash.program(page, ONE * 8)
    flash.program(page + 8, ONE * 8)
    assert not flash.powered
    assert flash.content[page + 8 : page + 16] == ONE * programmed + b"\xff" * (8 - programmed)
    flash.program(page + 16, ONE * 8)  # nothing happens any more
    assert flash.content[page + 16] == 0xFF
    flash.power_on()
    flash.cut(Cut(0, moment))
    flash.erase(0)
    assert flash.content[:page] == b"\xff" * int(page * erased) + bytes(page - int(page * erased))
    assert flash.erases[0] == (moment != "before")
