# SPDX-License-Identifier: Apache-2.0
"""Emulators: one small module each, one Protocol (mcuedit.emulate.backends.session.Session)."""

from __future__ import annotations

from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate.backends.session import Crash, EmulationError, Fault, PowerCut, Session, Timeout
from mcuedit.emulate.peripherals.flash import Flash

__all__ = [
    "BOARD_EMULATORS",
    "TIMEOUT",
    "Crash",
    "EmulationError",
    "Fault",
    "PowerCut",
    "Session",
    "Timeout",
    "open_session",
]

TIMEOUT = 20.0  # seconds, as `open_session` takes them
BOARD_EMULATORS = ("unicorn", "qemu", "renode")  # those that execute an ELF on a board


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
        count: SysTick counts executed instructions, board.emulation(emulator).ticks_per_instruction each.
        timeout: seconds in which no byte goes in or out until the device counts as hanging: of the processor time that
            the emulator gets, hence a busy machine ends nothing; with Renode, virtual ones.
        flash: what firmware writes of its flash, to be kept over sessions; unicorn alone can.

    Raises:
        McueditError: no such emulator, it is not installed, or it does not run this board.
        Crash: the ELF file cannot be loaded.
    """
    if emulator == "unicorn":
        from mcuedit.emulate.backends.unicorn import UnicornSession

        return UnicornSession(board, elf, count=count, timeout=timeout, flash=flash)
    if flash is not None:
        raise McueditError(f"emulator {emulator} keeps no flash", "use unicorn")
    if emulator == "qemu":
        from mcuedit.emulate.backends.qemu import QemuSession

        return QemuSession(board, elf, count=count, timeout=timeout)
    if emulator == "renode":
        from mcuedit.emulate.backends.renode import RenodeSession

        return RenodeSession(board, elf, count=count, timeout=timeout)
    raise McueditError(f"no emulator {emulator!r} runs firmware", f"one of {', '.join(BOARD_EMULATORS)}")
