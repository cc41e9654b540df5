# SPDX-License-Identifier: Apache-2.0
"""Renode's process and its monitor: one command, one reply. What the process returns when it ends says nothing."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mcuedit.emulate.backends.renode.log import Log
from mcuedit.emulate.backends.session import Crash, Timeout
from mcuedit.emulate.progress import ASLEEP, Patience, process_clock

_CHUNK = 1 << 16
_LOOK = 0.5  # seconds between two looks at the log
# Platforms download descriptions of registers for Renode's log; a proxy that nobody is refuses that at once.
_NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
_NO_NETWORK |= {"no_proxy": "", "NO_PROXY": ""}
_GRACE = 2.0  # seconds to end by itself after `quit`
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\b]")
_REFUSED = re.compile(r"^(There was an error|No such command|Could not|Error|Parameters did not match|Bad parameters)")
_SHOWN = 3  # lines of what it said
_ABORTED = "it may know no such instruction (until 1.16.1: MVE's loops of a Cortex-M55); or see pc in the ELF's symbols"


class Monitor:
    """A running Renode.

    A reply ends with a line that only Python in the monitor can have printed: the monitor repeats what is typed, and
    `print 'mark'` ends with a quote.

    Args:
        command: argv, with a free port nowhere in it: the monitor is its standard input and output.
        folder: where it runs.
        patience: seconds of its processor time, or ten times as much without any, until a command that is not answered
            counts as hanging.
        log: the file that one of the first commands has it write its log to.

    Raises:
        Crash: it cannot be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, patience: float, log: Log) -> None:
        self._seconds, self._log, self._said, self._marks = patience, log, "", 0
        pipe = subprocess.PIPE
        environment = os.environ | _NO_NETWORK
        try:  # a session of its own: what a launcher script starts ends with it
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Crash(f"{command[0]}: {error.strerror}", "", "check RENODE") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout

    def expect(self, mark: str, uart: str) -> str:
        """What is said until a line that ends with `mark`.

        Args:
            uart: what the device said so far, for errors.

        Raises:
            Crash: it ended, refused a command, or stopped the core.
            Timeout: neither mark nor refusal came.
        """
        patience = Patience(self._seconds, process_clock(self._process.pid), ASLEEP * self._seconds)
        lines: list[str] = []
        while True:
            line, found, rest = self._said.partition("\n")
            if found:
                self._said = rest
                line = _STEERING.sub("", line).rstrip()
                if line.endswith(mark):
                    return "\n".join(lines)
                lines.append(line)
                if _REFUSED.match(line):
                    what = f"Renode says {line!r}" + self._last_error()
                    raise Crash(what, uart, "is it 1.16 or later? see the .resc file of the board")
            elif self._receive(_LOOK):
                patience.renew()
            else:
                self._look(uart)
                if self._process.poll() is not None:
                    said = " | ".join(line for line in lines[-_SHOWN:] if line) or "without a word"
                    raise Crash(f"Renode ended by itself: {said}{self._last_error()}", uart, "run it by hand")
                if patience.over:
                    what = f"Renode did not answer within {self._seconds:g} s of processor time{self._last_error()}"
                    raise Timeout(what, uart, "Renode hangs: run it by hand")

    def ask(self, command: str, uart: str) -> str:
        """The reply to one command.

        Raises:
            Crash, Timeout: as `expect`.
        """
        self._marks += 1
        mark = f"mcuedit-{self._marks}"
        try:
            self._input.write(f"{command}\n{print_command(mark)}\n".encode())
            self._input.flush()
        except BrokenPipeError:
            pass  # expect() says how it ended
        said = self.expect(mark, uart)
        self._look(uart)
        return said

    def close(self) -> None:
        """Ends it and whatever it started, politely or not."""
        with contextlib.suppress(OSError):
            self._input.write(b"quit\n")
            self._input.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(OSError):
            self._input.close()
        self._output.close()

    def _look(self, uart: str) -> None:
        """A core that Renode stopped does nothing any more, and virtual time may stand still."""
        if self._log.abort:
            raise Crash(f"Renode stopped the core: {self._log.abort}", uart, _ABORTED)

    def _last_error(self) -> str:
        return f"; its log's last error: {self._log.error}" if self._log.error else ""

    def _receive(self, seconds: float) -> bool:
        """Waits up to `seconds` for output; False at its end, too."""
        readable, _, _ = select.select([self._output], [], [], max(seconds, 0))
        said = os.read(self._output.fileno(), _CHUNK) if readable else b""
        if readable and not said:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)  # its output is closed: it is about to end
        self._said += said.decode("utf-8", "replace")
        return bool(said)


def print_command(mark: str) -> str:
    """The command that prints a line."""
    return f"python \"print '{mark}'\""
