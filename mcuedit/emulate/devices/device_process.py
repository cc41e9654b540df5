# SPDX-License-Identifier: Apache-2.0
"""Devices as processes of this machine, which speak SMP over UDP and keep their flash in a file."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util import system
from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError

POWER_CUT = 3  # exit code (firmware/apps/device_process)
_READY = re.compile(r"mcuedit ready port=(\d+)\n")


@dataclass(frozen=True)
class Faults:
    """What is to go wrong.

    Attributes:
        lose_after: datagrams that arrive before others are lost; None: none is lost.
        lose_count: how many are lost then; None: all.
        cut: the number, from 1, of the program unit or erase page at which power fails; 0: it does not.
        cut_mode: "before", "torn" (half of it happens) or "after".
    """

    lose_after: int | None = None
    lose_count: int | None = None
    cut: int = 0
    cut_mode: str = "before"

    def arguments(self) -> list[str]:
        """For the program."""
        lose = [] if self.lose_after is None else [str(self.lose_after)]
        lose += [] if self.lose_after is None or self.lose_count is None else [str(self.lose_count)]
        found = ["--lose", ",".join(lose)] if lose else []
        return found + (["--cut", f"{self.cut},{self.cut_mode}"] if self.cut else [])


@dataclass(frozen=True)
class Identified:
    """A device with a key of its own.

    Attributes:
        secret: file of 32 bytes, by which it signs what it answers.
    """

    device_id: str
    secret: Path


def _who(given: str | Identified) -> list[str]:
    if isinstance(given, str):
        return ["--id", given]
    return ["--id", given.device_id, "--identity", str(given.secret)]


class DeviceProcess(Closing):
    """A running device.

    Args:
        program: of `build_program`.
        flash: the file that is its flash; made if it is not there. What it holds outlives the process.
        device_id: what it calls itself, 1 to 16 characters; one that is `Identified` proves to be it.
        port: on 127.0.0.1; 0 takes a free one, which it keeps when it is started again.
        geometry: program unit, erase page, slot size, slots, journal pages; None: 8, 4096, 4096, 8, 2.

    Attributes:
        port: where it listens.
        error: name of the error that it reported at start ("E_BASE"), or "".
    """

    def __init__(
        self,
        program: Path,
        flash: Path,
        *,
        device_id: str | Identified = "device",
        port: int = 0,
        faults: Faults | None = None,
        geometry: tuple[int, int, int, int, int] | None = None,
    ) -> None:
        self.port, self.error = port, ""
        self._command = [str(program.resolve()), "--flash", str(flash), *_who(device_id)]
        self._command += ["--geometry", ",".join(map(str, geometry))] if geometry else []
        self._process: subprocess.Popen[str] | None = None
        self.start(faults)

    @property
    def address(self) -> str:
        """As `mcuedit push --to` takes it."""
        return f"udp:127.0.0.1:{self.port}"

    def start(self, faults: Faults | None = None) -> None:
        """Starts it, again after `stop` or a power cut; waits until it listens.

        Raises:
            McueditError: it ended instead.
        """
        command = [*self._command, "--port", str(self.port), *(faults or Faults()).arguments()]
        # The process ends when the pipe does, and thus with this one, whatever ends this one.
        pipe = subprocess.PIPE
        with system.loading(Path(self._command[0])):
            self._process = process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace"
            )
        self.error = ""
        for line in process.stdout or ():
            if ready := _READY.fullmatch(line):
                self.port = int(ready[1])
                return
            self.error = line.removeprefix("error ").strip()
        said = process.communicate()[1].strip().splitlines()
        self.stop()
        raise McueditError(f"the device did not start: {said[0] if said else 'it said nothing'}", "see its --flash")

    def wait(self, timeout: float = 300.0) -> int:
        """Its exit code once it has ended: POWER_CUT after a cut."""
        assert self._process is not None
        return self._process.wait(timeout)

    def stop(self) -> None:
        """As if power failed between two operations of the flash. Nothing happens if it has ended."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()
        self._process = None

    def close(self) -> None:
        self.stop()
