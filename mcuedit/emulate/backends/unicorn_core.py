# SPDX-License-Identifier: Apache-2.0
"""Unicorn's core of a board: made, loaded, and its registers read."""

from __future__ import annotations

import importlib
from importlib import metadata
from pathlib import Path
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate.backends.image import segments
from mcuedit.emulate.backends.session import Crash

_REGISTERS = ("pc", "lr", "sp", "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12")


def load_unicorn() -> Any:
    """The library.

    Raises:
        McueditError: it is not installed, or cannot be loaded.
    """
    try:
        importlib.import_module("unicorn.arm_const")
        return importlib.import_module("unicorn")
    except ImportError as error:
        raise McueditError(f"unicorn cannot be imported ({error})", "pip install unicorn") from error


def version() -> str:
    """Its version.

    Raises:
        McueditError: as `load_unicorn`.
    """
    load_unicorn()
    try:
        return metadata.version("unicorn")
    except metadata.PackageNotFoundError:
        return "unknown version"


def make(unicorn: Any, board: Board, machine: str) -> Any:
    """A core of the board's kind, with nothing in its memory.

    Raises:
        McueditError: unicorn has no such machine.
    """
    model = getattr(unicorn.arm_const, f"UC_CPU_ARM_{machine.upper().replace('-', '_')}", None)
    if model is None:
        raise McueditError(f"board {board.name}: unicorn has no machine {machine!r}", "mend the board.toml")
    core = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    core.ctl_set_cpu_model(model)
    return core


def load(unicorn: Any, core: Any, elf: Path, board: Board) -> int:
    """Writes every PT_LOAD segment to its physical address and resets the core; where it starts."""
    vectors = board.flash.origin
    try:
        for address, content in segments(elf, board):
            core.mem_write(address, content)
        stack, reset = (int.from_bytes(core.mem_read(vectors + 4 * i, 4), "little") for i in range(2))
    except unicorn.UcError as error:
        raise Crash(f"{elf}: does not fit the board's memory ({error})", "", "build it for this board") from error
    core.reg_write(unicorn.arm_const.UC_ARM_REG_SP, stack)
    core.reg_write(unicorn.arm_const.UC_ARM_REG_PC, reset)
    return reset


def register(unicorn: Any, core: Any, name: str) -> int:
    """The value of a register."""
    return int(core.reg_read(getattr(unicorn.arm_const, f"UC_ARM_REG_{name.upper()}")))


def registers(unicorn: Any, core: Any) -> str:
    """The registers, as name=value."""
    return " ".join(f"{name}={register(unicorn, core, name):#x}" for name in _REGISTERS)


def hint(board: Board) -> str:
    """What to do about a fault."""
    known = "; unicorn's Cortex-M7 knows no double precision, qemu's does" if board.fpu == "fpv5-d16" else ""
    return "see the pc in the ELF file's symbols" + known
