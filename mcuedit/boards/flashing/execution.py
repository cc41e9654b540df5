# SPDX-License-Identifier: Apache-2.0
"""A run of a commands that can say at any time what is on the board."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import NoReturn

from mcuedit._util.errors import McueditError
from mcuedit.boards.flashing.flash_image import Image, check_size
from mcuedit.boards.flashing.process import TimedOut, run
from mcuedit.boards.flashing.runners import RUNNERS, Commands, Step

UNTOUCHED, HALF, WRITTEN, VERIFIED = "untouched", "may be half-written", "written", "written and verified"


class Session:
    """Executes a commands, once.

    Args:
        commands: its files go where the commands says; that folder must exist.
        timeout: seconds that one command may take.
        output: is given what the runner writes, as it comes.
    """

    def __init__(self, commands: Commands, timeout: float, output: Callable[[str], None]) -> None:
        self._commands, self._timeout, self._output = commands, timeout, output
        self.states = {image.title: UNTOUCHED for image, _ in commands.images}

    def run(self) -> None:
        """Writes and verifies every image.

        Raises:
            McueditError: a program is missing, failed, did not end or did not verify; the message says what is on the
                board.
        """
        for program in dict.fromkeys(argv[0] for argv in self._commands.lines):
            if shutil.which(program) is None:
                install = RUNNERS[self._commands.runner].install[program]
                raise McueditError(f"{program} is not installed; {self.state()}", install)
        for image, steps in self._commands.images:
            for step in steps:
                self._step(image, step)
            proven = any(step.proof for step in steps)
            self.states[image.title] = VERIFIED if proven else WRITTEN

    def state(self) -> str:
        """What is on the board, in one line."""
        return ", ".join(f"{title}: {state}" for title, state in self.states.items())

    def _step(self, image: Image, step: Step) -> None:
        for path, data in step.files.items():
            path.write_bytes(data)
        if step.checks:
            path, board = step.checks
            check_size(board, path, path.stat().st_size)
        before = self.states[image.title]
        if step.writes:
            self.states[image.title] = HALF
        name = " ".join(step.argv[:2]) if not step.argv[1].startswith("-") else step.argv[0]
        try:
            code, said = run((shutil.which(step.argv[0]) or "", *step.argv[1:]), self._timeout, self._output)
        except TimedOut:
            self._fail(f"{name} did not end within {self._timeout:g} s", "reset board and probe; --timeout gives more")
        except OSError as error:
            self.states[image.title] = before
            self._fail(f"{name}: {error.strerror or error}", RUNNERS[self._commands.runner].install[step.argv[0]])
        else:
            self._judge(name, image, before, step, code, said)

    def _judge(self, name: str, image: Image, before: str, step: Step, code: int, said: str) -> None:
        if not code and (step.proof is None or said.count(step.proof[0]) >= step.proof[1]):
            return
        if any(words in said.lower() for words in RUNNERS[self._commands.runner].no_probe):
            self.states[image.title] = before
            self._fail(
                f"{name} found no board", "connect it, look at cable and power, and at the rights to use its port"
            )
        if code or step.proof is None:
            self._fail(
                f"{name} failed with exit code {code}{_last_line(said)}", "what it says is above; then try again"
            )
        self._fail(
            f"{name} did not say {step.proof[0]!r}{_last_line(said)}",
            "do not trust what is on the board: flash it again",
        )

    def _fail(self, message: str, hint: str) -> NoReturn:
        raise McueditError(f"{message}; {self.state()}", hint)


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    printable = "".join(c if c.isprintable() else "?" for c in lines[-1][:120]) if lines else ""
    return f" ({printable})" if printable else ""
