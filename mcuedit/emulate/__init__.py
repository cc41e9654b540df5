# SPDX-License-Identifier: Apache-2.0
"""Emulators: one small module each, one Protocol (mcuedit.emulate.backends.session.Session), one table of them."""

from __future__ import annotations

from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate import backends
from mcuedit.emulate.backends.backend import TIMEOUT, Backend, Start
from mcuedit.emulate.backends.session import Crash, EmulationError, Fault, PowerCut, Session, Timeout
from mcuedit.emulate.peripherals.flash import Flash

__all__ = [
    "TIMEOUT",
    "Backend",
    "Crash",
    "EmulationError",
    "Fault",
    "PowerCut",
    "Session",
    "Timeout",
    "open_session",
]


def open_session(
    emulator: str,
    board: Board,
    elf: Path,
    *,
    count: bool = False,
    timeout: float = TIMEOUT,
    flash: Flash | None = None,
) -> Session:
    """Starts a firmware; use it as a context manager.

    Args:
        count, timeout, flash: as `Start`.

    Raises:
        McueditError: no such emulator, it is not installed, or it does not run this board.
        Crash: the ELF file cannot be loaded.
    """
    backend = backends.BACKENDS.get(emulator)
    if backend is None or backend.session is None:
        raise McueditError(f"no emulator {emulator!r} runs firmware", f"one of {', '.join(backends.on_boards())}")
    if flash is not None and not backend.keeps_flash:
        raise McueditError(f"emulator {emulator} keeps no flash", f"use {backends.flash_keeping()}")
    return backend.session(board, elf, Start(count, timeout, flash))
