# SPDX-License-Identifier: Apache-2.0
"""SMP's serial frames out of the lines of a UART that says other things, too, and loses bytes (SPEC.md, section 9)."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Generator

from smp import packet
from smp.exceptions import SMPException

MARKS = (packet.START_DELIMITER, packet.CONTINUE_DELIMITER)


class Frames:
    """Takes lines, gives messages.

    Whatever is damaged or out of turn is dropped; a first line starts anew, wherever the frame before it broke off.
    """

    def __init__(self) -> None:
        self._decoder: Generator[None, bytes, bytes] | None = None

    def take(self, line: bytes) -> bytes | None:
        """The message that a line completes; None if none does.

        Args:
            line: up to its 0A; what stands before the mark of a frame's line is passed over.
        """
        at = max(line.rfind(mark) for mark in MARKS)  # base64 has no such bytes: what is before is another line
        if at < 0:
            return None
        text = line[at:].replace(b"\r", b"")
        if text.startswith(packet.START_DELIMITER):
            self._decoder = packet.decode()
            next(self._decoder)
        if self._decoder is None:
            return None
        try:
            self._decoder.send(text)
        except StopIteration as done:
            self._decoder = None
            return bytes(done.value)
        except (SMPException, binascii.Error, struct.error, ValueError, IndexError):
            self._decoder = None
        return None
