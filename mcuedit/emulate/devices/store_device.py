# SPDX-License-Identifier: Apache-2.0
"""A device that learns and keeps what it learned, on a virtual board: firmware/apps/device_learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.boards.board import Board
from mcuedit.codegen import TrainSetup
from mcuedit.emulate import backends, open_session
from mcuedit.emulate.backends.session import PowerSession, Session
from mcuedit.emulate.devices.device import check_inputs
from mcuedit.emulate.devices.learner import TRAINING, Learner, learning_sources
from mcuedit.emulate.devices.updatable import DEVELOPMENT, device_sources
from mcuedit.emulate.options import HERE, RunOptions
from mcuedit.emulate.peripherals.flash import Flash
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics


class StoreDevice(Learner):
    """One device with a store; use it as a context manager. It is one for development: it
    obeys everybody.

    Args:
        options: of an emulator that keeps a flash; `count` builds so that the method `count` can.

    Attributes:
        flash: what its firmware writes; it outlives `restart`.
        session: for power cuts.

    Raises:
        McueditError: as `Learner`; the board has no place for a store, or the emulator keeps none.
    """

    _app = "device_learning"
    _defines = (DEVELOPMENT,)
    session: PowerSession
    flash: Flash

    def __init__(self, base: Base, statistics: GateStatistics, setup: TrainSetup, options: RunOptions = HERE) -> None:
        board = options.machine
        if not options.backend.keeps_flash or board.store is None:
            what = f"board {board.name} on {options.emulator} keeps nothing"
            raise McueditError(what, f"{backends.flash_keeping()} and a board with a store do")
        self._base = base
        super().__init__(base, statistics, setup, options)

    def _sources(self, base: Base, statistics: GateStatistics, setup: TrainSetup) -> dict[str, str]:
        return device_sources(base) | learning_sources(base, statistics, setup)

    def _open(self, options: RunOptions, board: Board) -> Session:
        self.flash = Flash.of(board)
        session = open_session(options.emulator, board, self.built.elf, timeout=TRAINING, flash=self.flash)
        self.session = cast(PowerSession, session)  # as `Backend.keeps_flash` says
        self._emulator = options.emulator
        return session

    def count(self, told: Sequence[str]) -> int | None:
        """Instructions of a whole training of a device that was told this much, in commands; None without `count`.

        It runs on a device of its own: counting makes all else slow.
        """
        used = self._session
        board = self.built.board
        with open_session(self._emulator, board, self.built.elf, count=True, timeout=TRAINING) as self._session:
            try:
                self._hello()
                for line in (*told, "train 0"):
                    self.say(line)
                return self.instructions()
            finally:
                self._session = used

    def run(self, inputs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, output size]"""
        samples = check_inputs(self._base, inputs)
        replies = [self.say(f"run {sample.tobytes().hex()}").split()[1] for sample in samples]
        return np.frombuffer(bytes.fromhex("".join(replies)), np.int8).reshape(len(samples), -1)

    def restart(self) -> None:
        """Power off and on."""
        self.session.power_cycle()
        self._hello()

    def stat(self, word: str) -> int:
        """Bytes: "stack", used at most since the last start, or "arena"."""
        return int(dict(part.split("=") for part in self.say("stat").split()[1:])[word])
