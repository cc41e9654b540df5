# SPDX-License-Identifier: Apache-2.0
"""Where and how a base runs."""

from __future__ import annotations

from dataclasses import dataclass

from mcuedit._util.errors import McueditError
from mcuedit.boards import board as boards
from mcuedit.boards.board import Board
from mcuedit.build.options import PLAIN, BuildOptions
from mcuedit.emulate import TIMEOUT, backends
from mcuedit.emulate.backends.backend import Backend


@dataclass(frozen=True)
class RunOptions:
    """A place to run, and the build that runs there.

    Attributes:
        emulator: one of `mcuedit.emulate.backends.BACKENDS`.
        board: for emulators that run firmware; None takes the emulator's Cortex-M4.
        count: count executed instructions; slower.
        timeout: of boards, as `mcuedit.emulate.backends.backend.Start`.
        build: of firmware; emulator "host" with runtime "tflm" is the kernel wrapper inside the `tflite_micro` runtime.

    Raises:
        McueditError: no such emulator, or it has no boards and is asked for one, or to count.
    """

    emulator: str = backends.DEFAULT
    board: str | None = None
    count: bool = False
    timeout: float = TIMEOUT
    build: BuildOptions = PLAIN

    def __post_init__(self) -> None:
        if self.backend.device and (self.board is not None or self.count):
            what = "has no boards" if self.board is not None else "counts no instructions"
            hint = f"use --emulator {' or '.join(backends.on_boards())}"
            raise McueditError(f"emulator {self.emulator} {what}", hint)

    @property
    def backend(self) -> Backend:
        """The emulator."""
        return backends.get(self.emulator)

    @property
    def machine(self) -> Board:
        """The board.

        Raises:
            McueditError: there is none of that name, or it does not run on this emulator.
        """
        board = boards.load(self.board or self.backend.board)
        board.emulation(self.emulator)
        return board


HERE = RunOptions()
