# SPDX-License-Identifier: Apache-2.0
"""What of an ELF file goes into a device's memory, and what the host puts there."""

from __future__ import annotations

from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.boards.elf import require_core
from mcuedit.emulate.backends.session import Crash


def segments(elf: Path, board: Board) -> list[tuple[int, bytes]]:
    """Physical address and content of every PT_LOAD segment that has any.

    Raises:
        Crash: the file is missing, damaged, truncated or for another core.
    """
    try:
        with elf.open("rb") as file:
            image = ELFFile(file)
            require_core(image, board, str(elf))
            found = []
            for segment in image.iter_segments("PT_LOAD"):
                content = segment.data()
                if len(content) != segment["p_filesz"]:
                    raise ELFError("truncated")
                if content:
                    found.append((int(segment["p_paddr"]), content))
    except McueditError as error:
        raise Crash(error.message, "", error.hint) from error
    except (OSError, ELFError, ValueError, OverflowError, UnicodeDecodeError) as error:
        raise Crash(f"{elf}: not an ELF file for Arm ({error or 'damaged'})", "", "build it again") from error
    if not found:
        raise Crash(f"{elf}: nothing in it to load", "", "build it again")
    return found


def address_of(elf: Path, symbol: str) -> int:
    """Where a symbol lies.

    Raises:
        Crash: the file is missing or damaged, or has no such symbol.
    """
    try:
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            found = table.get_symbol_by_name(symbol) if table else None
    except (OSError, ELFError) as error:
        raise Crash(f"{elf}: {error or 'damaged'}", "", "build it again") from error
    if not found:
        raise Crash(f"{elf}: no symbol {symbol}", "", "build it with MCUEDIT_TRACE")
    return int(found[0]["st_value"])


def fill(elf: Path, section: str, content: bytes) -> None:
    """Overwrites the start of a section in the file.

    Raises:
        Crash: the file is missing or damaged, has no such section, or a smaller one.
    """
    try:
        with elf.open("r+b") as file:
            found = ELFFile(file).get_section_by_name(section)
            if found is None or found["sh_type"] != "SHT_PROGBITS" or found["sh_size"] < len(content):
                raise ELFError(f"no section {section} for {len(content)} bytes")
            file.seek(found["sh_offset"])
            file.write(content)
    except (OSError, ELFError) as error:
        raise Crash(f"{elf}: {error or 'damaged'}", "", "build it again") from error
