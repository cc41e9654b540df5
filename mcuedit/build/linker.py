# SPDX-License-Identifier: Apache-2.0
"""The memory map of a firmware: linked for a board, measured, and refused with figures if it does not fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from mcuedit._util import system, templates
from mcuedit._util.errors import McueditError
from mcuedit.boards import board as boards
from mcuedit.boards.board import Board
from mcuedit.boards.memory import Region
from mcuedit.build.compilers import Compiler
from mcuedit.build.external import tflm

GENERATED = "generated"  # folder of the generated sources, and prefix of their objects: link.ld.j2 tells them by it
_OVERFLOW = re.compile(r"overflow|will not fit")
_UNDEFINED = re.compile(r"undefined (?:reference to [`']|symbol: )([^'|\n]+)")
_SHOWN = 4  # names in a message
_ANYTHING = 1 << 28  # bytes of each memory where a firmware is only measured


class TooLarge(McueditError):
    """A firmware that does not fit a board's memory."""


@dataclass(frozen=True)
class Footprint:
    """Sizes of a linked firmware, in bytes.

    Attributes:
        code: instructions, literal pools and the vector table.
        rodata: constants of the hand-written code.
        model: constants of the generated sources: weights, labels, op tables, adapters.
        data, bss: initialized and zeroed RAM, without the stack.
    """

    code: int
    rodata: int
    model: int
    data: int
    bss: int

    @property
    def code_total(self) -> int:
        """What the firmware takes beside the base and its adapters: instructions and their constants."""
        return self.code + self.rodata


def link(compiler: Compiler, board: Board, arguments: Sequence[str], elf: Path) -> None:
    """Links objects in the folder of `elf`, which gets link.ld, too.

    Args:
        arguments: target flags and objects.

    Raises:
        McueditError: the compiler failed, or a library needs another FPU, or lacks what is called.
        TooLarge: it does not fit the board's memory; with the figures.
    """
    try:
        _link(compiler, board, arguments, elf)
    except McueditError as error:
        library = next((name for name in arguments if name.endswith(".a")), None)
        if library and (lacking := list(dict.fromkeys(_UNDEFINED.findall(error.message)))):
            raise _lacks(library, [name.strip() for name in lacking]) from error
        if not _OVERFLOW.search(error.message):
            raise
        raise _too_large(compiler, board, arguments, elf) from error
    if compiler.cxx and board.fpu.endswith("-sp-d16") and not _single_precision(elf):
        what = f"the library computes in double precision, which the FPU of board {board.name} cannot"
        raise McueditError(what, f"build it with FPU={board.fpu}")


def _link(compiler: Compiler, board: Board, arguments: Sequence[str], elf: Path) -> None:
    script = elf.with_name("link.ld")
    with system.telling(str(elf.parent)):
        script.write_text(render("link.ld.j2", board=board, generated=GENERATED), encoding="utf-8")
    options = ("-Wl,--gc-sections", "-Wl,-e,port_reset", f"-Wl,-T,{script.name}", *compiler.libraries)
    compiler.run([*arguments, *options, "-o", elf.name], elf.parent)


def _lacks(library: str, names: Sequence[str]) -> McueditError:
    more = ", ..." if len(names) > _SHOWN else ""
    return McueditError(
        f"{library} lacks {', '.join(names[:_SHOWN])}{more}",
        f"it has not all objects of TensorFlow Lite Micro: build it again with {tflm.MAKEFILE} in TFLM_ROOT, of the "
        "same commit, or name another one in TFLM_LIB",
    )


def _too_large(compiler: Compiler, board: Board, arguments: Sequence[str], elf: Path) -> TooLarge:
    """Links it where anything fits, to see what it takes."""
    flash, ram, vectors = (Region(i * _ANYTHING, _ANYTHING) for i in range(3))
    roomy = replace(board, flash=flash, ram=ram, selftest=vectors if board.selftest else None, geometry=None)
    measured = elf.with_name("measured.elf")
    _link(compiler, roomy, arguments, measured)
    need = taken(measured, flash), taken(measured, ram)
    measured.unlink()
    figures = " and ".join(
        f"{n:,} of {region.length:,} bytes of {name}"
        for n, region, name in zip(need, (board.code, board.ram), ("flash", "RAM"), strict=True)
    )
    others = [b.name for b in map(boards.load, boards.names()) if b.holds(*need)]
    return TooLarge(f"too large for board {board.name}: it takes {figures}", f"it fits {', '.join(others) or 'none'}")


def _single_precision(elf: Path) -> bool:
    """Whether all that was linked keeps to it, as the Arm attributes say (Tag_ABI_HardFP_use is 1)."""
    with elf.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".ARM.attributes")
        parts = [part for whole in section.iter_subsections() for part in whole.iter_subsubsections()]
        attributes = [attribute for part in parts for attribute in part.iter_attributes("TAG_ABI_HARDFP_USE")]
    return [attribute.value for attribute in attributes] == [1]


def taken(elf: Path, region: Region) -> int:
    """Bytes that a firmware takes of a memory, the stack among them; of flash with the initial values of its data.

    Raises:
        McueditError: not an ELF file.
    """
    try:
        with elf.open("rb") as file:
            image = ELFFile(file)
            loaded = [(int(s["p_paddr"]), int(s["p_filesz"])) for s in image.iter_segments("PT_LOAD")]
            used = [
                (int(s["sh_addr"]), int(s["sh_size"]))
                for s in image.iter_sections()
                if s["sh_flags"] & SH_FLAGS.SHF_ALLOC
            ]
    except (OSError, ELFError) as error:
        raise McueditError(f"{elf}: {error or 'not an ELF file'}", "build it again") from error
    in_file, at_run = (sum(n for at, n in parts if region.origin <= at < region.end) for parts in (loaded, used))
    return in_file or at_run  # nothing is loaded to RAM


def footprint(elf: Path) -> Footprint:
    """Section sizes of a firmware that was linked with templates/port/link.ld.j2.

    Raises:
        McueditError: not an ELF file.
    """
    try:
        with elf.open("rb") as file:
            sizes = {section.name: int(section["sh_size"]) for section in ELFFile(file).iter_sections()}
    except (OSError, ELFError) as error:
        raise McueditError(f"{elf}: {error or 'not an ELF file'}", "build it again") from error
    return Footprint(*(sizes.get(name, 0) for name in (".text", ".rodata", ".model", ".data", ".bss")))


def render(template: str, **context: Any) -> str:
    """One of templates/port/."""
    return templates.render(f"port/{template}", context)
