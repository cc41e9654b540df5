# SPDX-License-Identifier: Apache-2.0
"""board.toml: what is there, and what each mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuedit import board, resources
from mcuedit.errors import McueditError


def test_every_board_loads() -> None:
    loaded = [board.load(name) for name in board.names()]
    assert {b.name for b in loaded} >= {f"virt-m{core}" for core in (0, 3, 4, 7, 33)}
    assert {b.name for b in loaded} >= {"mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"}
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


def test_unknown_board() -> None:
    with pytest.raises(McueditError, match="no board 'virt-m99'") as caught:
        board.load("virt-m99")
    assert "virt-m4" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('cpu = "cortex-m4"', "", "key cpu: expected a text, it is missing"),
        ('cpu = "cortex-m4"', "cpu = 4", "key cpu: expected a text, found 4"),
        ('cpu = "cortex-m4"', 'cpu = ""', "key cpu: expected a text that is not empty"),
        ('cpu = "cortex-m4"', 'cpu = "cortex-m4"\nspeed = 4', "key speed: expected no such key"),
        ("gcc = [", "gcc = [1, ", "key toolchain.gcc: expected a list of texts"),
        ("gcc = [", "gcc = [] #", "key toolchain.gcc: expected a list of texts"),
        ("[uart]", "[urt]", "key uart: expected a table, it is missing"),
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
