# SPDX-License-Identifier: Apache-2.0
"""board.toml: what is there, and what each mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit.boards import board


def test_every_board_loads() -> None:
    loaded = [board.load(name) for name in board.names()]
    assert {b.name for b in loaded} >= {f"virt-m{core}" for core in (0, 3, 4, 7, 33)}
    assert {b.name for b in loaded} >= {"mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"}
    assert {b.cpu.removeprefix("cortex-m") for b in loaded if b.flashing} == {"0", "0plus", "33", "4", "7"}
    assert all(b.emulators for b in loaded)


def test_a_folder_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a board takes no code."""
    for name in ("virt-m4", "mine"):
        (tmp_path / name).mkdir()
        text = (resources.path("boards") / "virt-m4" / "board.toml").read_text()
        (tmp_path / name / "board.toml").write_text(text.replace("0x40004000", "0x50000000"))
    find = resources.path
    monkeypatch.setattr(resources, "path", lambda name: tmp_path if name == "boards" else find(name))
    assert board.names() == ["mine", "virt-m4"]
    assert board.load("mine").uart_base == 0x50000000


def test_flags_follow_from_core_and_fpu() -> None:
    given = {name: board.load(name) for name in ("virt-m0", "virt-m7", "stm32f746g_disco", "mps3-an547")}
    assert {name: " ".join((*b.gcc, *b.zig[1:])) for name, b in given.items()} == {
        "virt-m0": "-mcpu=cortex-m0 thumb-freestanding-eabi -mcpu=cortex_m0",
        "virt-m7": "-mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 thumb-freestanding-eabihf -mcpu=cortex_m7",
        "stm32f746g_disco": "-mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-sp-d16 thumb-freestanding-eabihf "
        "-mcpu=cortex_m7-fp64",
        "mps3-an547": "-mcpu=cortex-m55 -mfloat-abi=hard thumb-freestanding-eabihf -mcpu=cortex_m55+mve",
    }


def test_the_store_follows_the_firmware() -> None:
    """Journal pages, then slots, then the end of flash; the firmware's part ends where the journal begins."""
    for b in map(board.load, board.names()):
        geometry = b.geometry
        assert geometry
        assert geometry.slots
        assert geometry.region
        assert b.code.end == geometry.region.origin
        assert geometry.region.end == geometry.slots.region.end == b.flash.end
        assert geometry.slots.origin == geometry.region.origin + geometry.journal_pages * geometry.erase_page
        assert b.store == (geometry.region if geometry.journal_pages else None)
        assert f"PORT_FLASH_JOURNAL={geometry.journal_pages}u" in b.defines
    assert [name for name in board.names() if board.load(name).store is None] == ["stm32f746g_disco"]


def test_unknown_board() -> None:
    with pytest.raises(McueditError, match="no board 'virt-m99'") as caught:
        board.load("virt-m99")
    assert "virt-m4" in caught.value.hint


def test_slots_end_the_flash(tmp_path: Path) -> None:
    """What is before them is the firmware's, one range for the linker."""
    text = (resources.path("boards") / "nrf52840dk" / "board.toml").read_text()
    path = tmp_path / "board.toml"
    path.write_text(text)
    board.parse(path)
    path.write_text(text.replace("count = 8", "count = 7"))
    with pytest.raises(McueditError, match=r"key flash\.slots: expected a range that ends with memory\.flash"):
        board.parse(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('cpu = "cortex-m4"', "", "key cpu: it is missing"),
        ('cpu = "cortex-m4"', "cpu = 4", "key cpu: expected a text, found 4"),
        ('cpu = "cortex-m4"', 'cpu = ""', "key cpu: expected a text that is not empty"),
        ('cpu = "cortex-m4"', 'cpu = "cortex-m4"\nspeed = 4', "key speed: expected no such key"),
        ('fpu = "fpv4-sp-d16"', "", "key fpu: it is missing"),
        ('fpu = "fpv4-sp-d16"', 'fpu = "vfp"', "key fpu: expected 'none', 'fpv4-sp-d16'"),
        ('cpu = "cortex-m4"', 'cpu = "m4"', "key cpu: expected a core as gcc calls it, such as cortex-m4, found 'm4'"),
        ("[memory]", "bases = 3\n[memory]", "key bases: expected no such key"),
        ("stack =", "init = 3\nstack =", "key memory.init: expected no such key"),
        ("[memory]", "init = 3\n[memory]", "key init: expected a list, found 3"),
        ("[memory]", "init = [3]\n[memory]", "key init[0]: expected a table, found 3"),
        ("[memory]", "init = [{ address = 4 }]\n[memory]", "key init[0].set: it is missing"),
        (
            "[memory]",
            "init = [{ address = 2, set = 1 }]\n[memory]",
            "key init[0].address: expected a multiple of 4",
        ),
        ("[memory]", "init = [{ address = 4, set = 1, clr = 1 }]\n[memory]", "key init[0].clr: expected no such"),
        ("[uart]", "[uart]\nclock = 1.5", "key uart.clock: expected an integer, found 1.5"),
        ("[uart]", "[urt]", "key uart: it is missing"),
        ('driver = "cmsdk"', 'driver = "pl011"', "key uart.driver: expected one of cmsdk"),
        ("base = 0x40004000", 'base = "0x40004000"', "key uart.base: expected an integer, found '0x40004000'"),
        ("base = 0x40004000", "base = 0x140004000", "key uart.base: expected an integer of 32 bits"),
        ("base = 0x40004000", "base = true", "key uart.base: expected an integer, found True"),
        ("stack = 0x2000", "stack = 0x2001", "key memory.stack: expected a multiple of 8"),
        ("stack = 0x2000", "stack = 0x8000000", "key memory.stack: expected a multiple of 8 bytes that fits"),
        ("length = 0x40000 }", "length = 0 }", "key memory.ram.length: expected a length > 0"),
        ("origin = 0x20000000", "origin = 0x0", "key memory.ram: expected a range apart from flash"),
        ("origin = 0x60000000", "origin = 0x2003f000", "key memory.selftest: expected a range apart from"),
        ("selftest = {", "selftest = [] #", "key memory.selftest: expected a table"),
        ("erase_page = 0x1000", "erase_page = 0x200", "key flash.erase_page: expected 1024 or more where there is a j"),
        ("size = 0x1000", "size = 0x100000", "key flash.slots: expected a size below 1048576"),
        ("pages = 4", "pages = 1", "key flash.journal.pages: expected 2 or more"),
        ("pages = 4", "pages = 3", "key flash.journal.origin: expected 0xf5000: its pages end where the slots begin"),
        ("journal = {", "journal = { erased = 1,", "key flash.journal.erased: expected no such key"),
        ("journal = {", 'journal = "after" #', "key flash.journal: expected a table"),
        ("slots = {", "# slots = {", "key flash.journal: expected [flash] slots beside it"),
        ('driver = "virt"', "", "key flash.driver: expected the driver that writes the journal"),
        ('driver = "virt"', 'driver = "nand"', "key flash.driver: expected one of nrf, ram, stm32f0"),
        ("controller = 0x40005000", "controller = 1.5", "key flash.controller: expected an integer, found 1.5"),
        ("ticks_per_instruction = 1.0", "ticks_per_instruction = 0", "key emulator.unicorn.ticks_per_instruction"),
        ('machine = "cortex-m4"', 'machine = "cortex-m4"\nfast = 1', "key emulator.unicorn.fast: expected no such key"),
        ("[memory]", "[memory", "board.toml: "),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (resources.path("boards") / "virt-m4" / "board.toml").read_text()
    assert old in text
    path = tmp_path / "board.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(McueditError) as caught:
        board.parse(path)
    assert str(path) in caught.value.message
    assert message in caught.value.message
