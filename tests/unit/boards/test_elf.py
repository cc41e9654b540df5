# SPDX-License-Identifier: Apache-2.0
"""A firmware for another processor is refused by its header, wherever one is taken, and one for the board is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from helpers.elf import elf as small

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.boards import board, flashing
from mcuedit.boards.elf import made_for, require_core
from mcuedit.build import compilers
from mcuedit.emulate.backends.image import segments
from mcuedit.emulate.backends.session import Crash

MACHINES = {62: "x86-64", 183: "AArch64", 243: "RISC-V", 3: "x86"}
COMPILERS = [c for c in (compilers.gcc(), compilers.zig()) if c]


@pytest.fixture(scope="module", params=COMPILERS, ids=[c.name for c in COMPILERS])
def compiled(request, tmp_path_factory):
    """One small program for each board's core, by its name."""
    made: dict[tuple[str, ...], Path] = {}

    def compile_for(name: str) -> Path:
        to = board.load(name)
        flags = request.param.target(to)
        if flags not in made:
            folder = tmp_path_factory.mktemp("elf")
            (folder / "a.c").write_text("int main(void) { return 0; }\n")
            options = ["-nostdlib", "-ffreestanding", "-Wl,-e,main"]
            request.param.run([*flags, "-O1", *options, "a.c", "-o", "a.elf"], folder)
            made[flags] = folder / "a.elf"
        return made[flags]

    return compile_for


@pytest.mark.parametrize("name", board.names())
def test_what_is_built_for_a_board_is_taken_by_it(compiled, name):
    assert segments(compiled(name), board.load(name))


@pytest.mark.parametrize(
    ("built", "to", "what"),
    [
        ("virt-m4", "virt-m0", "Armv7E-M"),
        ("virt-m3", "virt-m0", "Armv7-M"),
        ("virt-m4", "virt-m3", "Armv7E-M"),
        ("virt-m33", "virt-m7", "Armv8-M mainline"),
        ("mps3-an547", "virt-m33", "Armv8.1-M mainline"),
    ],
)
def test_another_core_is_named_by_the_attributes(compiled, built, to, what):
    with pytest.raises(Crash, match=f"made for {what}, board {to} has a cortex") as caught:
        segments(compiled(built), board.load(to))
    assert "-mcpu=" in caught.value.hint


@pytest.mark.parametrize(("to", "what"), [("stm32f746g_disco", "an FPU with double precision"), ("virt-m4", "FPv5")])
def test_an_fpu_that_the_board_lacks_is_named(tmp_path, to, what):
    """As gcc tells it; zig leaves no word on double precision."""
    gcc = compilers.gcc()
    if gcc is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    options = ["-nostdlib", "-ffreestanding", "-Wl,-e,main", "-o", "a.elf", "a.c"]
    gcc.run([*gcc.target(board.load("virt-m7")), *options], tmp_path)
    with (tmp_path / "a.elf").open("rb") as file, pytest.raises(McueditError, match=f"made for {what}, board {to}"):
        require_core(ELFFile(file), board.load(to), "a.elf")


@pytest.mark.parametrize("machine", MACHINES)
def test_flash_refuses_another_architecture(tmp_path, machine):
    (tmp_path / "a.elf").write_bytes(small((0, bytes(64)), machine=machine))
    with pytest.raises(McueditError, match=rf"a\.elf: made for {MACHINES[machine]}, board nrf52840dk has a cortex-m4"):
        flashing.firmware_image(board.load("nrf52840dk"), tmp_path / "a.elf")
    with pytest.raises(Crash, match=f"made for {MACHINES[machine]}"):
        segments(tmp_path / "a.elf", board.load("virt-m4"))


@pytest.mark.skipif(sys.platform != "linux", reason="programs here are no ELF files")
def test_a_program_of_this_machine_is_refused_by_every_verb(capsys):
    program = str(Path(sys.executable).resolve())
    for args in (
        ["flash", "nrf52840dk", program],
        ["run", program, "--random", "1"],
        ["push", program, "--to", "udp:127.0.0.1:9"],
        ["verify", program, "--key", "none.pub"],
    ):
        assert cli.invoke(args) == 2, args
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2, lines
        assert "ELF" in lines[0] or "made for" in lines[0], lines


def test_what_is_no_elf_file_is_no_firmware(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(McueditError, match=r"a\.txt: no ELF file"):
        flashing.firmware_image(board.load("nrf52840dk"), tmp_path / "a.txt")


@pytest.mark.parametrize("length", [4, 5, 16, 20, 51, 52])
def test_a_header_that_is_cut_is_still_an_elf_file(length):
    assert made_for(small((0, b"x"))[:length])
    assert not made_for(encoding.MAGIC + bytes(60))
