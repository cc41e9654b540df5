# SPDX-License-Identifier: Apache-2.0
"""Compilers: both work, what they make is the same everywhere, and what goes wrong is said."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from helpers import tiny
from helpers.virtual import needs_gcc

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build import compilers, objects
from mcuedit.build.driver import build, build_host
from mcuedit.build.linker import TooLarge, _single_precision, footprint, taken
from mcuedit.build.options import BuildOptions
from mcuedit.emulate.devices.firmware import sources
from mcuedit.model import tflite
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model

MAIN = {"main.c": "int main(void);\nint main(void)\n{\n    return 0;\n}\n"}


@pytest.mark.parametrize("compiler", [pytest.param("gcc", marks=needs_gcc), "zig"])
def test_footprint(tiny_model: Model, tmp_path: Path, compiler: str) -> None:
    files = sources(Base("tiny", tiny_model, tuple("abcdef")))
    sizes = {}
    for opt in ("2", "s"):
        built = build(board.load("virt-m4"), files, "server", tmp_path / opt, BuildOptions(toolchain=compiler, opt=opt))
        assert built.toolchain == compiler
        sizes[opt] = built.footprint
    weights = 16 * 8 + 8 * 6 + 4 * (8 + 6)
    assert abs(sizes["2"].model - sizes["s"].model) < 100  # a table may become code
    assert weights < sizes["s"].model < weights + 400  # labels and op tables
    assert sizes["s"].code < sizes["2"].code
    assert sizes["s"].data == 0
    assert 16 + 6 <= sizes["s"].bss < 400


@pytest.mark.parametrize("compiler", [pytest.param("gcc", marks=needs_gcc), "zig"])
def test_no_path_gets_into_the_firmware(
    tiny_model: Model, tmp_path: Path, compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sources(Base("tiny", tiny_model))
    elfs = []
    for name in ("one", "two"):
        elfs.append(
            build(
                board.load("virt-m0"), files, "server", tmp_path / name, BuildOptions(toolchain=compiler)
            ).elf.read_bytes()
        )
        monkeypatch.setattr(objects, "once", lambda command, arguments, folder, make: make())  # compile it again
    assert elfs[0] == elfs[1]
    assert str(tmp_path).encode() not in elfs[0]


@pytest.mark.parametrize("compiler", [pytest.param("gcc", marks=needs_gcc), "zig"])
def test_compiler_errors_are_shown(tmp_path: Path, compiler: str) -> None:
    broken = {"main.c": "int main(void)\n{\n    return undeclared;\n}\n"}
    with pytest.raises(McueditError, match=rf"{compiler} failed: .*main\.c:3:.*undeclared"):
        build(board.load("virt-m4"), broken, None, tmp_path, BuildOptions(toolchain=compiler))


@pytest.mark.parametrize("compiler", [pytest.param("gcc", marks=needs_gcc), "zig"])
@pytest.mark.parametrize(("kind", "memory"), [("", "RAM"), ("const ", "flash")])
def test_too_large_for_the_board(tmp_path: Path, compiler: str, kind: str, memory: str) -> None:
    size, small = 0x60000, board.load("stm32f072b_discovery")
    large = {
        "main.c": f"{kind}char big[{size}] = {{1}};\nint main(void)\n{{\n    return *(volatile {kind}char *)big;\n}}\n"
    }
    with pytest.raises(TooLarge, match="too large for board stm32f072b_discovery: it takes ") as caught:
        build(small, large, None, tmp_path, BuildOptions(toolchain=compiler))
    have = {"flash": small.code.length, "RAM": small.ram.length}
    figures = {
        name: (int(need.replace(",", "")), int(of.replace(",", "")))
        for need, of, name in re.findall(r"([\d,]+) of ([\d,]+) bytes of (\w+)", caught.value.message)
    }
    assert {name: of for name, (_, of) in figures.items()} == have
    assert size < figures[memory][0] < size + 0x4000
    assert "nucleo_h753zi" in caught.value.hint
    assert "nucleo_g071rb" not in caught.value.hint


@pytest.mark.parametrize("compiler", [pytest.param("gcc", marks=needs_gcc), "zig"])
def test_builds_of_two_bases_do_not_mix(tmp_path: Path, compiler: str) -> None:
    """zig's cache once took the objects of the first base for the second one: both have the same relative paths."""
    for width in (16, 64, 32):
        files = sources(Base("any", tflite.parse(tiny.classifier((width, 4)), "any")))
        built = build(board.load("virt-m4"), files, "server", tmp_path / str(width), BuildOptions(toolchain=compiler))
        with built.elf.open("rb") as file:
            symbols = ELFFile(file).get_section_by_name(".symtab")
            assert symbols.get_symbol_by_name("app_arena")[0]["st_size"] >= width + 4


@needs_gcc
def test_the_library_is_compiled_once_for_all_boards_of_a_core(
    tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files, compiled = sources(Base("tiny", tiny_model)), []
    real = compilers.Compiler._run

    def run(self: compilers.Compiler, command: Sequence[str], arguments: Sequence[str], folder: Path) -> None:
        compiled.append(arguments[-1])
        real(self, command, arguments, folder)

    build(board.load("virt-m4"), files, "server", tmp_path / "one", BuildOptions(toolchain="gcc"))
    monkeypatch.setattr(compilers.Compiler, "_run", run)
    other, defines = board.load("stm32f4_discovery"), ("MCUEDIT_TRACE", "PORT_TRACE_POINTS=9")
    build(other, files, "server", tmp_path / "other", BuildOptions(toolchain="gcc", defines=defines))
    assert {name.partition("_")[0] for name in compiled if name.endswith(".o")} == {"port", "apps", "generated"}


def _without(monkeypatch: pytest.MonkeyPatch, *, path: bool, ziglang: bool) -> None:
    find = importlib.util.find_spec
    if path:
        monkeypatch.setenv("PATH", "")
    if ziglang:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ziglang" else find(name))


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, path=True, ziglang=True)
    with pytest.raises(McueditError, match="no compiler for Cortex-M") as caught:
        build(board.load("virt-m4"), MAIN, None, tmp_path)
    assert "pip install ziglang" in caught.value.hint
    assert "apt install gcc-arm-none-eabi" in caught.value.hint
    with pytest.raises(McueditError, match="no C compiler for this machine"):
        build_host(MAIN, tmp_path)


def test_forced_compiler_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, path=True, ziglang=True)
    for name, install in (("gcc", "apt install gcc-arm-none-eabi"), ("zig", "pip install ziglang")):
        with pytest.raises(McueditError, match="not installed") as caught:
            build(board.load("virt-m4"), MAIN, None, tmp_path, BuildOptions(toolchain=name))
        assert caught.value.hint == install


def test_zig_alone_is_enough(tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, path=True, ziglang=False)
    files = sources(Base("tiny", tiny_model))
    assert build(board.load("virt-m3"), files, "server", tmp_path / "board").toolchain == "zig"
    assert build_host(files, tmp_path / "host").is_file()
    assert compilers.find_host_compiler().name == "zig"


@pytest.mark.parametrize(("option", "value"), [("toolchain", "armcc"), ("opt", "3")])
def test_unknown_options(tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(McueditError, match=value):
        build(board.load("virt-m4"), MAIN, None, tmp_path, BuildOptions(**{option: value}))


@needs_gcc
@pytest.mark.parametrize(("name", "single"), [("stm32f746g_disco", True), ("nucleo_h753zi", False), ("virt-m33", True)])
def test_precision_shows_in_the_elf(tmp_path: Path, name: str, single: bool) -> None:
    """What a library was built for must be what the board has."""
    built = build(board.load(name), MAIN, None, tmp_path, BuildOptions(toolchain="gcc"))
    assert _single_precision(built.elf) is single


def test_footprint_of_no_elf(tmp_path: Path) -> None:
    path = tmp_path / "x.elf"
    path.write_bytes(b"no")
    with pytest.raises(McueditError, match=r"x\.elf"):
        footprint(path)
    with pytest.raises(McueditError, match=r"x\.elf"):
        taken(path, board.load("virt-m4").flash)
