# SPDX-License-Identifier: Apache-2.0
"""What is to be written, checked against the board's memory map before anything is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.boards import elf
from mcuedit.boards.board import Board
from mcuedit.boards.memory import Region

_ERASED = b"\xff"


@dataclass(frozen=True)
class Image:
    """Bytes for flash.

    Attributes:
        title: "firmware", "slot 0".
        stem: of the files that are made from it.
        segments: address and bytes of each piece.
        elf: the file that they are from; None for an adapter.
    """

    title: str
    stem: str
    segments: tuple[tuple[int, bytes], ...]
    elf: Path | None = None

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(len(data) for _, data in self.segments)

    @property
    def address(self) -> int:
        """Where the first piece goes."""
        return self.segments[0][0]


def firmware_image(board: Board, path: Path, *, packed: bool = False) -> Image:
    """Reads and checks an ELF file.

    Args:
        packed: what is written is an image that the flasher makes of the file, whatever its core, and whose segments
            are copied elsewhere at start: only their size counts.

    Raises:
        McueditError: it is no ELF file with something in it, or one for another core, or some of it lies outside the
            board's flash or where adapters and their journal go.
    """
    segments = _segments(path, board, packed)
    if packed:
        check_size(board, path, sum(len(data) for _, data in segments))
    else:
        for address, data in segments:
            _check_segment(board, Region(address, len(data)), path)
    return Image("firmware", "firmware", segments, path)


def check_size(board: Board, path: Path, size: int) -> None:
    """Checks that `size` bytes, written from the start of flash, end before what is kept for adapters.

    Raises:
        McueditError: they do not.
    """
    if size > board.code.length:
        message = f"{path}: {size:,} bytes, board {board.name} has room for {board.code.length:,}"
        raise McueditError(message, "make it smaller")


def adapter_image(board: Board, name: str, data: bytes, number: int) -> Image:
    """Checks device bytes for a slot; they are padded to what can be programmed at once.

    This is for firmware without a store, which reads slots by their addresses. A store counts a slot of which its
    journal knows nothing as empty, and takes packages alone, over its transport.

    Raises:
        McueditError: they are damaged or too large, or the board has no such slot.
    """
    encoding.check(data, name)
    slots = board.geometry.slots if board.geometry else None
    if board.geometry is None or slots is None:
        raise McueditError(f"board {board.name} has no slots for adapters", "compile the adapter into the firmware")
    if not 0 <= number < slots.count:
        raise McueditError(
            f"board {board.name} has no slot {number}", f"its slots are 0 to {slots.count - 1} of {slots.size:,} bytes"
        )
    if len(data) > slots.size:
        raise McueditError(
            f"{name}: {len(data):,} bytes, a slot of board {board.name} has {slots.size:,}",
            "train it with fewer factors or --bits 4",
        )
    padded = data + _ERASED * (-len(data) % board.geometry.program_unit)
    return Image(f"slot {number}", f"slot{number}", ((slots.slot(number).origin, padded),))


def _segments(path: Path, board: Board, packed: bool) -> tuple[tuple[int, bytes], ...]:
    try:
        with bounded.opened(path) as file:
            image = ELFFile(file)
            if not packed:
                elf.require_core(image, board, str(path))
            segments = tuple(sorted(_loads(image)))
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", "give the ELF file of a firmware") from error
    except ELFError as error:
        raise McueditError(f"{path}: no ELF file ({error})", "give the file that the linker wrote") from error
    if not segments:
        raise McueditError(f"{path}: nothing in it is to be loaded", "give a linked firmware, no object file")
    return segments


def _loads(image: ELFFile) -> Iterator[tuple[int, bytes]]:
    for segment in image.iter_segments("PT_LOAD"):
        if segment["p_filesz"]:
            data = segment.data()
            if len(data) != segment["p_filesz"]:
                raise ELFError("it is cut off")
            yield segment["p_paddr"], data


def _check_segment(board: Board, segment: Region, path: Path) -> None:
    where = f"{path}: {_range(segment)}"
    if not board.flash.origin <= segment.origin < segment.end <= board.flash.end:
        raise McueditError(
            f"{where} lies outside the flash of {board.name}, {_range(board.flash)}", "is it built for another board?"
        )
    kept = board.geometry.region if board.geometry else None
    if kept is not None and segment.overlaps(kept):
        raise McueditError(
            f"{where} reaches into what is kept for adapters, {_range(kept)}",
            "end the linker's flash region before it",
        )


def _range(region: Region) -> str:
    return f"0x{region.origin:08x}..0x{region.end - 1:08x}"
