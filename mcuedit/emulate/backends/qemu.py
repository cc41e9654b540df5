# SPDX-License-Identifier: Apache-2.0
"""QEMU: whole machines, the Cortex-M55 with MVE among them. The UART is a socket pair, never a PTY: that stalls."""

from __future__ import annotations

import logging
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate.backends.backend import Backend
from mcuedit.emulate.backends.image import segments
from mcuedit.emulate.backends.session import Crash, Timeout, Uart, silence
from mcuedit.emulate.progress import ASLEEP, Patience, process_clock

_log = logging.getLogger(__name__)

NAME = "qemu"
PROGRAM = "qemu-system-arm"
PACKAGE = "qemu-system-arm"  # of Debian and its kin

_CHUNK = 1 << 16
_GRACE = 5.0  # seconds to end by itself after SIGTERM
_LAST_WORDS = 60.0  # seconds to end after its UART was closed
_LOOK = 0.1  # seconds between two looks at how much QEMU computed
_COUNTING = ("-icount", "shift=7")  # 128 ns of virtual time per instruction: ticks_per_instruction in board.toml


class QemuSession(Uart):
    """One firmware on one QEMU machine; the process ends with the context.

    Args:
        count: virtual time advances by instructions, so that SysTick counts them.
        timeout: seconds of processor time in which no byte went in or out, until the device counts as hanging.
    """

    def __init__(self, board: Board, elf: Path, *, count: bool = False, timeout: float = 20.0) -> None:
        machine = board.emulation(NAME).machine
        segments(elf, board)  # QEMU would take anything that is no ELF file for a raw image
        super().__init__()
        self._timeout = timeout
        command = [find(), "-M", machine, "-nodefaults", "-display", "none", "-monitor", "none"]
        command += ["-serial", "stdio", *(_COUNTING if count else ()), "-kernel", os.fspath(elf)]
        _log.info("%s", shlex.join(command))
        self._uart, theirs = socket.socketpair()
        self._uart.setblocking(False)
        with theirs:
            uart = theirs.fileno()
            self._process = subprocess.Popen(command, stdin=uart, stdout=uart, stderr=subprocess.PIPE)

    def read_line(self) -> str:
        patience = Patience(self._timeout, process_clock(self._process.pid), ASLEEP * self._timeout)
        while (line := self._console.next_line()) is None:
            if self._transfer(min(_LOOK, self._timeout)):
                patience.renew()
            elif patience.over:
                what, hint = silence(self._timeout)
                raise Timeout(what, self.text, hint)
        return line

    def exchange(self, data: bytes, seconds: float) -> bytes:
        """Bytes in, bytes out: what the device says within `seconds`, of silence the last ones.

        Raises:
            Crash: QEMU ended.
        """
        said = len(self._console.bytes)
        self.write(data)
        while self._transfer(seconds):
            pass
        return bytes(self._console.bytes[said:])

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._uart.close()
        if self._process.stderr:
            self._process.stderr.close()

    def _transfer(self, seconds: float) -> bool:
        """Moves bytes either way, waiting up to `seconds` for the chance to; whether any were."""
        ready = bool(self._console.bytes)  # every app speaks first; a byte that comes before its UART is on is lost
        writing = [self._uart] if ready and self._output else []
        readable, writable, _ = select.select([self._uart], writing, [], max(seconds, 0))
        try:
            if writable:
                del self._output[: self._uart.send(self._output[:_CHUNK])]
            if readable:
                received = self._uart.recv(_CHUNK)
                if not received:
                    raise ConnectionResetError
                self._console.bytes += received
        except ConnectionError as error:
            raise self._crash() from error
        return bool(readable or writable)

    def _crash(self) -> Crash:
        try:
            _, said = self._process.communicate(timeout=_LAST_WORDS)
        except subprocess.TimeoutExpired:  # it closed its UART and goes on
            self._process.kill()
            _, said = self._process.communicate()
        lines = said.decode("utf-8", "replace").strip().splitlines()
        what = f"{PROGRAM} ended with exit code {self._process.returncode}: {' | '.join(lines[-2:])}"
        return Crash(what, self.text, "build it again")


def find() -> str:
    """Path of the program.

    Raises:
        McueditError: it is not installed.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise McueditError(f"{PROGRAM} is not installed", f"apt install {PACKAGE}, or use --emulator unicorn")
    return path


def version() -> str:
    """Its version.

    Raises:
        McueditError: as `find`, or the program is none or says none.
    """
    path, hint = find(), f"apt install {PACKAGE}"
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", hint) from error
    found = re.search(r"version (\S+)", done.stdout)
    if found is None or done.returncode:
        raise McueditError(f"{path} says no version, exit code {done.returncode}", hint)
    return found[1]


BACKEND: Backend = Backend(
    NAME,
    "virtual boards mps2-*, mps3-*",
    session=lambda board, elf, start: QemuSession(board, elf, count=start.count, timeout=start.timeout),
    board="mps2-an386",
    find=find,
    version=version,
    install=f"apt install {PACKAGE}",
    serves=True,
)
