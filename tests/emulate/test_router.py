# SPDX-License-Identifier: Apache-2.0
"""Adapters in an SPI flash beside a virtual board: outputs, reads, RAM and instructions of a switch."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.native import includes, source
from helpers.spi_nor import SpiNor
from helpers.virtual import needs_gcc

from mcuedit.adapter.delta import Adapter
from mcuedit.boards import board
from mcuedit.build import compilers
from mcuedit.build.driver import BuildResult, build
from mcuedit.build.options import BuildOptions
from mcuedit.codegen import Routes, read_routes
from mcuedit.codegen.render import banner
from mcuedit.emulate import open_session, runner
from mcuedit.emulate.devices.firmware import sources
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

CODE = 1024  # bytes of cache and router at -Os on M4
HIT = 250  # instructions on M4 of a switch between two routes of one adapter each, both in RAM
PLACE, CACHE = 40, 12  # bytes on a 32-bit core: of a place beside its slot, of a cache beside its places
HEADER = 20
ROUTES = """
default = ["a3"]

[slots]
origin = 0x1000
page = 256

[cache]
places = 3

[contexts.kitchen]
id = 1
adapters = ["a0"]

[contexts.garden]
id = 2
adapters = ["a1"]

[contexts.guest]
id = 5
adapters = ["a0", "a2"]

[contexts.nobody]
id = 9
adapters = []
"""
SETS = {1: [0], 2: [1], 5: [0, 2], 9: [], 7: [3]}


@pytest.fixture(scope="module")
def base() -> Base:
    return Base("net", parse(tiny.classifier((24, 16, 11, 7)), "net"))


@pytest.fixture(scope="module")
def chosen(base: Base) -> list[Adapter]:
    return [
        adapter(
            base.model, delta(base.model, i % 3, 2, gated=False, rows=None, seed=i + 7), name=f"a{i}", labels={i: "n"}
        )
        for i in range(4)
    ]


@pytest.fixture(scope="module")
def table(base: Base, chosen: list[Adapter], tmp_path_factory: pytest.TempPathFactory) -> Routes:
    path = tmp_path_factory.mktemp("routes") / "routes.toml"
    path.write_text(ROUTES, encoding="utf-8")
    return read_routes(path, chosen, base.model)


def firmware(base: Base, table: Routes, folder: Path, *defines: str, name: str = "virt-m4") -> BuildResult:
    files = sources(base) | table.render(banner(base), "net")
    files["router.c"] = (Path(__file__).parent / "router.c").read_text(encoding="utf-8")
    return build(board.load(name), files, None, folder, BuildOptions(toolchain="auto", defines=defines))


def flash(table: Routes) -> SpiNor:
    return SpiNor(b"\xff" * table.origin + table.image())


def reads(table: Routes, slot: int) -> list[tuple[int, int]]:
    """Of an adapter: its header, then the rest of it."""
    at = table.origin + table.pitch * slot
    return [(at, HEADER), (at + HEADER, len(table.raws[slot]) - HEADER)]


def crcs(base: Base, chosen: list[Adapter]) -> dict[int, str]:
    """Of the output in each context."""
    x = (np.arange(24) * 37).astype(np.uint8).view(np.int8)[None]
    found = {}
    for context, numbers in SETS.items():
        y = runner.expected(base, [chosen[i] for i in numbers], runner.best_oracle(base.model), x)
        found[context] = f"{zlib.crc32(y.tobytes()):08x}"
    assert len(set(found.values())) == len(found)
    return found


@pytest.mark.parametrize("name", ["virt-m0", "virt-m4"])
def test_contexts_one_after_the_other(
    base: Base, chosen: list[Adapter], table: Routes, tmp_path: Path, name: str
) -> None:
    spi, wanted, misses = flash(table), crcs(base, chosen), 0
    built = firmware(base, table, tmp_path, name=name)
    with open_session("unicorn", board.load(name), built.elf) as session:
        spi.attach(session)
        assert session.read_line() == "OK"
        for context, hits, read in [
            (9, 0, []),
            (1, 0, [0]),
            (2, 0, [1]),
            (5, 1, [2]),
            (7, 1, [3]),
            (1, 2, []),
            (2, 2, [1]),
        ]:
            spi.reads.clear()
            misses += len(read)
            session.write(f"{context}\n".encode())
            assert session.read_line() == f"OK {wanted[context]} {hits} {misses} 0"
            assert spi.reads == [part for slot in read for part in reads(table, slot)]


def test_a_flash_that_does_not_answer_leaves_the_base(
    base: Base, chosen: list[Adapter], table: Routes, tmp_path: Path
) -> None:
    spi, wanted = flash(table), crcs(base, chosen)
    built = firmware(base, table, tmp_path)
    with open_session("unicorn", board.load("virt-m4"), built.elf) as session:
        spi.attach(session)
        assert session.read_line() == "OK"
        for fault, context, verdict, answers_as in [
            ("", 1, "OK", 1),
            ("busy", 2, "E_FLASH", 9),
            ("", 2, "OK", 2),
            ("gone", 5, "E_FLASH", 9),  # one of its two adapters is in RAM
            ("busy", 2, "OK", 2),  # in RAM
            ("", 5, "OK", 5),
        ]:
            spi.busy, spi.gone = fault == "busy", fault == "gone"
            session.write(f"{context}\n".encode())
            said = session.read_line().split()
            assert said[:2] == [verdict, wanted[answers_as]], (fault, context)


def test_a_damaged_adapter_is_never_in_force(base: Base, chosen: list[Adapter], table: Routes, tmp_path: Path) -> None:
    spi, wanted = flash(table), crcs(base, chosen)
    damaged = bytearray(spi.content)
    damaged[table.origin + table.pitch + len(table.raws[1]) - 8] ^= 1
    spi.content = bytes(damaged)
    built = firmware(base, table, tmp_path)
    with open_session("unicorn", board.load("virt-m4"), built.elf) as session:
        spi.attach(session)
        assert session.read_line() == "OK"
        for context, verdict, answers_as in [(1, "OK", 1), (2, "E_CRC", 9), (2, "E_CRC", 9), (5, "OK", 5)]:
            session.write(f"{context}\n".encode())
            assert session.read_line().split()[:2] == [verdict, wanted[answers_as]]


@needs_gcc
def test_instructions_and_ram_of_a_switch(base: Base, table: Routes, tmp_path: Path) -> None:
    """To a route whose adapter is in RAM; to the one that is active; and one that is read, for comparison."""
    spi = flash(table)
    built = firmware(base, table, tmp_path, "MCUEDIT_TRACE")
    with open_session("unicorn", board.load("virt-m4"), built.elf, count=True) as session:
        spi.attach(session)
        assert session.read_line() == "OK"
        ticks = []
        for context in (1, 2, 1, 1):
            session.write(f"{context}\n".encode())
            verdict, _, _, _, took = session.read_line().split()
            assert verdict == "OK"
            ticks.append(int(took))
    _, miss, hit, same = ticks
    print(f"switch: {hit} instructions in RAM, {same} to the active one, {miss} read from the flash")
    assert 20 < hit <= HIT
    assert same < hit < miss
    with built.elf.open("rb") as file:
        symbols = {s.name: s["st_size"] for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()}
    ram = symbols["memory"] + symbols["cache"]
    print(f"RAM: {ram} bytes for {table.places} places of {table.size} bytes")
    assert ram == table.places * (table.size + PLACE) + CACHE


@needs_gcc
def test_code(tmp_path: Path) -> None:
    gcc, size = compilers.gcc(), 0
    assert gcc is not None
    for part in ("cache", "router"):
        flags = [*gcc.target(board.load("virt-m4")), "-Os", "-ffreestanding", *includes()]
        gcc.run([*flags, "-c", str(source(part)), "-o", "part.o"], tmp_path)
        with (tmp_path / "part.o").open("rb") as file:
            size += sum(s["sh_size"] for s in ELFFile(file).iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC)
    print(f"{size} bytes")
    assert 0 < size <= CODE
