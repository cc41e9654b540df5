# SPDX-License-Identifier: Apache-2.0
"""A device that learns, on a virtual board: firmware/apps/trainer_uart, executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mcuedit import codegen
from mcuedit._util import system
from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.boards.board import Board
from mcuedit.build.driver import BuildResult, build
from mcuedit.codegen import TrainSetup
from mcuedit.emulate import Session, open_session
from mcuedit.emulate.devices.device import Answer
from mcuedit.emulate.devices.firmware import sources
from mcuedit.emulate.devices.virtual import READY
from mcuedit.emulate.options import HERE, RunOptions
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Inputs
from mcuedit.ondevice import GateStatistics

TRAINING = 120.0  # seconds that a training may be silent


class Refused(McueditError):
    """The device refuses; `name` is that of its error."""

    def __init__(self, command: str, name: str) -> None:
        super().__init__(f"the device refuses to {command}: {name}", _HINTS.get(name, ""))
        self.name = name


_HINTS = {
    "E_REPLAY": "confirm more answers, or others: what was confirmed must stay as it is",
    "E_CONTRADICTION": "one input can have one answer",
    "E_CLASS": "name a class of the base",
    "E_FULL": "adopt or drop what was learned so far",
    "E_UNLEARNED": "correct the same question in other words",
    "E_STATE": "correct something and train first; after training, adopt or drop",
}


def learning_sources(base: Base, statistics: GateStatistics, setup: TrainSetup) -> dict[str, str]:
    """What an app needs to train gates beside the base, which has to be named `base`."""
    files = codegen.render_base(base, keep=(setup.tap_tensor(base),))
    return files | codegen.render_train(base, statistics, setup)


class Learner(Closing):
    """One device; use it as a context manager.

    Args:
        options: `count` counts the instructions of `train`; its timeout is TRAINING at least.

    Attributes:
        built: the firmware.
        trained: instructions of the last training, with `count`.

    Raises:
        McueditError: it cannot be built or started.
    """

    def __init__(
        self,
        base: Base,
        statistics: GateStatistics,
        setup: TrainSetup,
        options: RunOptions = HERE,
    ) -> None:
        board, count = options.machine, options.count
        files = self._sources(replace(base, name="base"), statistics, setup)
        self._per_instruction = board.emulation(options.emulator).ticks_per_instruction
        defines = (*self._defines, *(("MCUEDIT_TRACE",) if count else ()))
        self._count = count
        self.trained: int | None = None
        self._folder = system.folder()
        try:
            here, how = Path(self._folder.name), options.build.defining(defines)
            self.built: BuildResult = build(board, files, self._app, here, how)
            self._session = self._open(options, board)
            self._hello()
        except BaseException:
            self._folder.cleanup()
            raise

    _app = "trainer_uart"
    _defines: tuple[str, ...] = ()

    def _sources(self, base: Base, statistics: GateStatistics, setup: TrainSetup) -> dict[str, str]:
        return sources(base) | learning_sources(base, statistics, setup)

    def _open(self, options: RunOptions, board: Board) -> Session:
        timeout = max(TRAINING, options.timeout)
        return open_session(options.emulator, board, self.built.elf, count=options.count, timeout=timeout)

    def _hello(self) -> None:
        if (said := self._session.read_line()) != READY:
            raise McueditError(f"the device on {self.built.board.name} said {said!r} at its start", "")

    def say(self, line: str) -> str:
        """One command; its reply.

        Raises:
            Refused: the reply is an error.
        """
        self._session.write(line.encode() + b"\n")
        word, _, rest = self._session.read_line().partition(" ")
        if word == "error":
            raise Refused(line.split(" ", 1)[0], rest)
        return rest if word in ("adapter", "workspace") else f"{word} {rest}".strip()

    def ask(self, prompts: Sequence[str]) -> list[Answer]:
        """Answers to text prompts."""
        found = []
        for prompt in prompts:
            _, index, label = (self.say(f"ask {prompt}") + " ").split(" ", 2)
            found.append(Answer(int(index), label.strip()))
        return found

    def learn(self, wordings: Inputs, wanted: int, confirmed: Inputs, name: str = "") -> bytes:
        """Corrects, confirms, trains and adopts: the adapter's bytes.

        Args:
            wordings, confirmed: text, or int8[n, *input].

        Raises:
            Refused: the device cannot; what was in force stays so.
        """
        for one in confirmed:
            self.say(f"yes {_written(one)}")
        for one in wordings:
            self.say(f"fix {wanted} {_written(one)}")
        self.say("train 0")
        self.trained = self.instructions()
        return bytes.fromhex(self.say(f"adopt {name}".strip()))

    def instructions(self) -> int | None:
        """What the last `train` took; None without counting."""
        if not self._count:
            return None
        first, second, third, *_ = map(int, self.say("ticks").split()[1:])
        return round(((third - second) - (second - first)) / self._per_instruction)

    def close(self) -> None:
        """Ends the emulator and removes the build."""
        self._session.close()
        self._folder.cleanup()


def _written(one: str | Int8Array) -> str:
    """An input as a line has it."""
    return one if isinstance(one, str) else one.tobytes().hex()
