# SPDX-License-Identifier: Apache-2.0
"""Every board's flash driver against a model of its controller, or where memory plays flash."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from helpers.virtual import ALL_BOARDS, UNICORN_BOARDS

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build.driver import BuildResult, build
from mcuedit.build.options import BuildOptions
from mcuedit.emulate import Fault, PowerCut, Session, open_session
from mcuedit.emulate.peripherals.control import Controller, Keyed
from mcuedit.emulate.peripherals.flash import Cut, Flash


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    source = (Path(__file__).parent / "flash_app.c").read_text()

    @cache
    def make(name: str, *defines: str) -> BuildResult:
        folder = tmp_path_factory.mktemp(name)
        return build(board.load(name), {"flash_app.c": source}, None, folder, BuildOptions(defines=defines))

    return make


def ask(device: Session, *commands: str) -> list[str]:
    device.write("".join(f"{command}\n" for command in commands).encode())
    return [device.read_line() for _ in commands]


def digit(page: int) -> str:
    """As the app reads it: those behind 9 are the next characters."""
    return chr(ord("0") + page)


def pattern(name: str, page: int) -> bytes:
    geometry = board.load(name).geometry
    assert geometry
    return bytes((16 * page + i + 1) % 256 for i in range(2 * geometry.program_unit))


@pytest.mark.parametrize(("name", "emulator"), ALL_BOARDS)
def test_driver(app, name: str, emulator: str) -> None:
    geometry = board.load(name).geometry
    assert geometry
    assert geometry.region
    last = geometry.region.length // geometry.erase_page - 1
    erased = "ff" * 2 * geometry.program_unit
    with open_session(emulator, board.load(name), app(name).elf) as device:
        assert device.read_line() == "flash ready"
        for page in {0, last}:
            written = pattern(name, page).hex()
            answers = ask(device, *(f"{command}{digit(page)}" for command in "emprm"))
            assert answers == ["ok", erased, "ok", written, written]
            assert ask(device, f"p{digit(page)}") == ["E_FLASH"]  # each unit once
            device.write(b"u0\n")
            assert [device.read_line() for _ in range(4)] == ["E_FLASH"] * 4
        assert ask(device, "e0", "r0") == ["ok", erased]
        if last:
            assert ask(device, f"r{digit(last)}") == [pattern(name, last).hex()]  # nothing beside it


@pytest.mark.parametrize("name", UNICORN_BOARDS)
def test_a_driver_takes_flash_that_is_unlocked_already(app, name: str) -> None:
    """A third key would lock the part until its next reset."""
    with open_session("unicorn", board.load(name), app(name).elf) as device:
        assert device.read_line() == "flash ready"
        assert ask(device, "d0", "d0", "e0", "d0", "p0", "r0") == [*["ok"] * 5, pattern(name, 0).hex()]


@pytest.mark.parametrize("stuck", ["always", "once it works"])
@pytest.mark.parametrize("name", UNICORN_BOARDS)
def test_a_part_that_stays_busy_is_an_error(app, name: str, stuck: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Controller, "_was_busy", lambda self: stuck == "always" or self._busy)
    with open_session("unicorn", board.load(name), app(name, "PORT_FLASH_PATIENCE=100u").elf) as device:
        assert device.read_line() == "flash ready"
        assert ask(device, "e0", "p0") == ["E_FLASH"] * 2


@pytest.mark.parametrize("name", UNICORN_BOARDS)
def test_a_part_that_stays_locked_is_an_error(app, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keyed, "_take_key", lambda self, value: None)
    geometry = board.load(name).geometry
    assert geometry
    with open_session("unicorn", board.load(name), app(name).elf) as device:
        assert device.read_line() == "flash ready"
        assert ask(device, "e0", "p0") == [("ok" if geometry.driver == "nrf" else "E_FLASH")] * 2


@pytest.mark.parametrize(("name", "emulator"), ALL_BOARDS)
def test_reset_keeps_it(app, name: str, emulator: str) -> None:
    with open_session(emulator, board.load(name), app(name).elf) as device:
        assert device.read_line() == "flash ready"
        assert ask(device, "e0", "p0") == ["ok", "ok"]
        for _ in range(2):
            device.write(b"q0\n")
            assert device.read_line() == "flash ready"
            assert ask(device, "r0") == [pattern(name, 0).hex()]


@pytest.mark.parametrize("name", UNICORN_BOARDS)
def test_new_session_keeps_it(app, name: str) -> None:
    flash = Flash.of(board.load(name))
    with open_session("unicorn", board.load(name), app(name).elf, flash=flash) as device:
        assert ask(device, "p0")[0] == "flash ready"
        assert device.read_line() == "ok"
    written = pattern(name, 0)
    assert flash.content[: len(written)] == written
    assert set(flash.content[len(written) :]) == {0xFF}
    with open_session("unicorn", board.load(name), app(name).elf, flash=flash) as device:
        device.read_line()
        assert ask(device, "r0", "e0") == [written.hex(), "ok"]
    assert flash.erases == [1] + [0] * (len(flash.erases) - 1)
    assert flash.operations == 3
    assert set(flash.content) == {0xFF}


@pytest.mark.parametrize("name", UNICORN_BOARDS)
@pytest.mark.parametrize(
    ("commands", "what"),
    [
        (["x0", "x0"], "was programmed before"),
        (["l0"], "^flash: a store"),
        (["w0"], "^flash: a store"),
    ],
    ids=["twice", "locked", "bare"],
)
def test_misuse(app, name: str, commands: list[str], what: str) -> None:
    geometry = board.load(name).geometry
    assert geometry
    if geometry.driver in ("virt", "nrf") and commands == ["l0"]:
        return  # the one ignores what is not unlocked, the other has no lock
    with open_session("unicorn", board.load(name), app(name).elf) as device:
        assert device.read_line() == "flash ready"
        with pytest.raises(Fault, match=what):
            ask(device, *commands)


@pytest.mark.parametrize("name", UNICORN_BOARDS)
def test_power_cut(app, name: str) -> None:
    geometry = board.load(name).geometry
    assert geometry
    unit, flash = geometry.program_unit, Flash.of(board.load(name))
    written = pattern(name, 0)
    with open_session("unicorn", board.load(name), app(name).elf, flash=flash) as device:
        assert device.read_line() == "flash ready"
        for moment, there in (("before", unit), ("torn", unit + unit // 2), ("after", 2 * unit)):
            assert ask(device, "e0") == ["ok"]
            flash.cut(Cut(1, moment))  # the second of two units
            with pytest.raises(PowerCut):
                ask(device, "p0")
            device.power_cycle()
            assert device.read_line() == "flash ready"
            assert ask(device, "r0") == [(written[:there] + b"\xff" * (2 * unit - there)).hex()]
        flash.cut(Cut(0, "torn"))  # half a page is erased
        page = geometry.erase_page
        flash.content[:page] = bytes(page)
        with pytest.raises(PowerCut):
            ask(device, "e0")
        assert flash.content[:page] == b"\xff" * (page // 2) + bytes(page // 2)
        device.power_cycle()
        assert device.read_line() == "flash ready"
        assert ask(device, "e0", "p0") == ["ok", "ok"]


def test_emulators_without_flash_to_keep(app) -> None:
    b = board.load("virt-m4")
    with pytest.raises(McueditError, match="emulator qemu keeps no flash"):
        open_session("qemu", board.load("mps2-an386"), Path("x.elf"), flash=Flash.of(b))
    assert b.geometry
