# SPDX-License-Identifier: Apache-2.0
"""A running device: bytes in, lines out, typed failures (SPEC.md, section 5)."""

from __future__ import annotations

from typing import Protocol, Self

from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError

_TEXT_SHOWN = 200
_LINE_MAX = 1 << 16  # bytes; no reply of an app is as long


class EmulationError(McueditError):
    """The device failed: `what` happened. `text` is what its UART said until then."""

    def __init__(self, message: str, text: str, hint: str = "") -> None:
        said = (
            f"; the device last said: {text[-_TEXT_SHOWN:].strip()!r}" if text.strip() else "; the device said nothing"
        )
        super().__init__(message + said, hint)
        self.what, self.text = message, text


class Fault(EmulationError):
    """The core met an instruction or address it cannot execute."""


class Timeout(EmulationError):
    """The device gave no sign of life for the time allowed, or waits for input that is not there."""


class PowerCut(EmulationError):
    """Power failed where a test wanted it to (mcuedit.emulate.peripherals.flash.Cut)."""


class Crash(EmulationError):
    """The emulator could not load the firmware, or ended by itself."""


def silence(seconds: float) -> tuple[str, str]:
    """What a Timeout says of a device that runs, and its hint."""
    what = f"no byte in or out for {seconds:g} s of processor time"
    return what, "its main loop is stuck, a command lacks its line end, or it takes longer: see --timeout"


class Session(Protocol):
    """A device that runs an app. Leaving the context ends whatever runs it."""

    @property
    def text(self) -> str:
        """All that the UART said so far."""
        ...

    def write(self, data: bytes) -> None:
        """Queues bytes for the device's UART; any number of commands at once is fine."""
        ...

    def read_line(self) -> str:
        """The next line, without its end.

        Raises:
            EmulationError: Fault, Timeout or Crash instead of a line.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """Ends what executes the firmware."""


class PowerSession(Session, Protocol):
    """A session of an emulator that keeps a flash."""

    def power_cycle(self) -> None:
        """Power off and on: the flash is as it was, everything else starts again."""
        ...

    def end(self) -> None:
        """Stops the core wherever it is, from any thread: read_line fails from then on, until `power_cycle`."""
        ...


def expect(session: Session, expected: str) -> None:
    """Reads the next line, which must be this.

    Raises:
        McueditError: it is not.
    """
    line = session.read_line()
    if line != expected:
        raise McueditError(f"the firmware said {line[:80]!r} instead of {expected!r}", "")


class Console:
    """What a UART said, cut into lines."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self._at = 0  # first byte that was not yet handed out

    @property
    def text(self) -> str:
        return self.bytes.decode("utf-8", "replace")

    def next_line(self) -> str | None:
        """A complete line if there is one.

        Raises:
            Fault: the line is the fault handler's (firmware/port/startup.c).
            Crash: it does not end, so that it is no text.
        """
        end = self.bytes.find(b"\n", self._at)
        if end < 0:
            if len(self.bytes) - self._at > _LINE_MAX:
                raise Crash(
                    f"{len(self.bytes) - self._at} bytes without a line end", self.text, "not an app of mcuedit"
                )
            return None
        line = self.bytes[self._at : end].decode("utf-8", "replace").rstrip("\r")
        self._at = end + 1
        if line.startswith("fault "):
            raise Fault(f"the firmware reports a {line}", self.text, "see the address in the ELF file's symbols")
        return line


class Uart(Closing):
    """A session's side of a UART: what it said, and what waits to be sent to it."""

    def __init__(self) -> None:
        self._console = Console()
        self._output = bytearray()

    @property
    def text(self) -> str:
        """See `Session`."""
        return self._console.text

    def write(self, data: bytes) -> None:
        """See `Session`."""
        self._output += data
