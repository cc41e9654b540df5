# SPDX-License-Identifier: Apache-2.0
"""Renode: the boards that people own. A board's .resc file loads platform and firmware, for this module and for users.

What the UART says comes from the file that the script has it written to; what it is to hear goes through a socket, a
line at once: STM32_UART schedules something for each byte that waits, which is slower than linear. Time is virtual and
passes only inside read_line, some milliseconds at once.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
from pathlib import Path

from mcuedit._util import resources, system
from mcuedit.boards.board import Board
from mcuedit.boards.render import render
from mcuedit.emulate.backends.backend import Backend
from mcuedit.emulate.backends.image import address_of, segments
from mcuedit.emulate.backends.renode.log import Growing, Log
from mcuedit.emulate.backends.renode.monitor import Monitor, print_command
from mcuedit.emulate.backends.renode.program import find, version
from mcuedit.emulate.backends.session import Crash, Fault, Timeout, Uart

NAME = "renode"
OPTIONS = ("--disable-gui", "--plain", "--hide-log", "--console")

_SLICES = 0.01, 0.32  # virtual seconds at once: the first ones, the longest
_QUIET = 1.0  # virtual seconds after which a line counts as one that has no reply
_STARTED = "mcuedit-started"
_TRACE, _COUNT = "mcuedit_trace", "port_instructions"  # firmware/port/trace.c
_REGISTER = re.compile(r"\b([A-Za-z]\w*)\W+\d+\W+(0x[0-9A-Fa-f]+)")  # name, index, value


class RenodeSession(Uart):
    """One firmware on one Renode machine; the process ends with the context.

    Args:
        count: trace points see the instructions that Renode has executed.
        timeout: virtual seconds without output until the device counts as hanging.
        patience: seconds of Renode's processor time, or ten times as much without any, until Renode itself does.
    """

    def __init__(
        self, board: Board, elf: Path, *, count: bool = False, timeout: float = 20.0, patience: float = 60.0
    ) -> None:
        emulation = board.emulation(NAME)
        segments(elf, board)  # Renode would go on without
        program = find()
        super().__init__()
        self._timeout = timeout
        self._count_at = address_of(elf, _COUNT) if count else None
        self._line: socket.socket | None = None
        self._unanswered = False  # a line was sent, and none heard since
        self._folder = system.folder()
        here = Path(self._folder.name)
        self._said = Growing(here / "uart.txt")
        scripts = here / "boards" / board.name  # a path without spaces
        scripts.mkdir(parents=True)
        for name, text in render(board).items():
            (scripts / name).write_text(text, encoding="utf-8")
        shutil.copyfile(resources.path("boards") / "firmware.resc", here / "boards" / "firmware.resc")
        shutil.copyfile(elf, here / "server.elf")
        port = _free_port()
        log = here / "renode.log"
        commands = [
            f"logFile @{log} true",
            f"$elf=@{here}/server.elf",
            f"$uart=@{self._said.path}",
            f"include @{here}/boards/{board.name}/{board.name}.resc",
            f'emulation CreateServerSocketTerminal {port} "line" false',
            f"connector Connect sysbus.{emulation.uart} line",
            *([_hook(address_of(elf, _TRACE), self._count_at)] if self._count_at is not None else []),
            print_command(_STARTED),
        ]
        try:
            self._monitor = Monitor([program, *OPTIONS, "-e", "; ".join(commands)], here, patience, Log(log))
        except BaseException:
            self._folder.cleanup()
            raise
        try:
            self._monitor.expect(_STARTED, "")
            self._line = socket.create_connection(("127.0.0.1", port), patience)
        except OSError as error:
            self.close()
            raise Crash(f"Renode does not listen at the UART's port: {error}", "", "try again") from error
        except BaseException:
            self.close()
            raise

    def read_line(self) -> str:
        try:
            while (line := self._console.next_line()) is None:
                self._run_until_said()
        except Fault as error:
            raise Fault(f"{error.what}: {self.registers()}", self.text, error.hint) from error
        if self._count_at is not None and line.startswith("ticks") and not self._counted():
            raise Crash("Renode did not count: its hook at the firmware's trace points was never run", self.text)
        return line

    def instructions(self) -> int:
        """Instructions executed since the start."""
        said = self._monitor.ask("sysbus.cpu ExecutedInstructions", self.text)
        numbers = re.findall(r"0x[0-9A-Fa-f]+", said)
        if not numbers:
            raise Crash(f"Renode counts no instructions: {said!r}", self.text)
        return int(numbers[-1], 16)

    def registers(self) -> str:
        """The core's registers, as name=value; a note where Renode does not say."""
        said = self._monitor.ask("sysbus.cpu GetRegistersValues", self.text)
        return " ".join(f"{name.lower()}={value}" for name, value in _REGISTER.findall(said)) or "registers unknown"

    def close(self) -> None:
        """Ends Renode and removes its files."""
        self._monitor.close()
        if self._line:
            self._line.close()
        self._folder.cleanup()

    def _run_until_said(self) -> None:
        """Lets time pass until the device says something.

        Raises:
            Timeout: it does not; the registers tell where it is.
        """
        spent, piece = 0.0, _SLICES[0]
        while spent < self._timeout:
            if not self._unanswered or spent >= _QUIET:
                self._send()
            self._monitor.ask(f'emulation RunFor "{piece:.2f}"', self.text)
            if self._receive():
                return
            spent += piece
            piece = min(2 * piece, _SLICES[1])
        what = f"no output for {self._timeout:g} virtual s: {self.registers()}"
        raise Timeout(what, self.text, "its main loop is stuck, or a command lacks its line end")

    def _send(self) -> None:
        if self._line and self._output and self._console.bytes:  # every app speaks first; before, its UART is off
            end = self._output.find(b"\n") + 1 or len(self._output)
            with contextlib.suppress(ConnectionError):  # the monitor will say how it ended
                self._line.sendall(self._output[:end])
            del self._output[:end]
            self._unanswered = True

    def _receive(self) -> bool:
        found = self._said.more()
        self._console.bytes += found
        if b"\n" in found:
            self._unanswered = False
        return bool(found)

    def _counted(self) -> bool:
        said = self._monitor.ask(f"sysbus ReadDoubleWord {self._count_at:#x}", self.text)
        return any(int(number, 16) for number in re.findall(r"^0x[0-9A-Fa-f]+$", said, re.MULTILINE))


def _hook(point: int, count: int) -> str:
    """The command that shows trace points what was executed."""
    script = f"machine.SystemBus.WriteDoubleWord({count:#x}, self.ExecutedInstructions & 0xFFFFFFFF)"
    return f'sysbus.cpu AddHook {point & ~1:#x} "{script}"'


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


BACKEND: Backend = Backend(
    NAME,
    "the boards that people own",
    session=lambda board, elf, start: RenodeSession(board, elf, count=start.count, timeout=start.timeout),
    board="stm32f4_discovery",
    find=find,
    version=version,
    rare=True,
    robots=True,
)
