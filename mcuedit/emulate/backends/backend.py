# SPDX-License-Identifier: Apache-2.0
"""What the package knows of an emulator: a record, as each module of this folder ends with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.boards.board import Board
from mcuedit.emulate.backends.session import Session
from mcuedit.emulate.devices.device import Device
from mcuedit.emulate.peripherals.flash import Flash
from mcuedit.model.bundle import Base

TIMEOUT = 20.0  # seconds, as `Start` takes them


@dataclass(frozen=True)
class Start:
    """How a firmware is started.

    Attributes:
        count: SysTick counts executed instructions, board.emulation(emulator).ticks_per_instruction each.
        timeout: seconds in which no byte goes in or out until the device counts as hanging: of the processor time that
            the emulator gets, hence a busy machine ends nothing; with Renode, virtual ones.
        flash: what firmware writes of its flash, to be kept over sessions; only where `Backend.keeps_flash`.
    """

    count: bool = False
    timeout: float = TIMEOUT
    flash: Flash | None = None


@dataclass(frozen=True)
class Backend:
    """One emulator, and what it can.

    Attributes:
        name: as --emulator and board.toml say it.
        use: what it is good for, as `mcuedit doctor` says it.
        session: starts a firmware on a board; None: it runs no firmware, but `device`.
        board: the board that it takes when none is named, a Cortex-M4.
        device: opens a base with adapters for a runtime; None: it runs firmware on boards.
        runtime: the one whose arithmetic it has, whatever is asked for; None: that which is asked for.
        find: raises McueditError where it is not installed. None: nothing of its own to install.
        version: of what is installed; raises McueditError where there is nothing that says one.
        install: how to get it; empty: the error of `version` says it.
        needed: mcuedit does not do without it.
        keeps_flash: takes a `Flash`, and its sessions are a `PowerSession`.
        serves: its UART is a stream (`exchange`), which a TCP port can stand for.
        compared: `bench bytes` compares it with the oracle; False: it is the oracle.
        rare: few have it, so that a comparison of all boards passes over it where it is not installed.
        robots: runs the .robot file of a board.
    """

    name: str
    use: str
    session: Callable[[Board, Path, Start], Session] | None = None
    board: str = ""
    device: Callable[[Base, Sequence[Adapter], str], Device] | None = None
    runtime: str | None = None
    find: Callable[[], object] | None = None
    version: Callable[[], str] | None = None
    install: str = ""
    needed: bool = False
    keeps_flash: bool = False
    serves: bool = False
    compared: bool = True
    rare: bool = False
    robots: bool = False

    def missing(self) -> str:
        """Why it cannot run here; empty if it can."""
        try:
            if self.find:
                self.find()
        except McueditError as error:
            return error.message
        return ""
