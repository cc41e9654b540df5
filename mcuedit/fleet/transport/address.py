# SPDX-License-Identifier: Apache-2.0
"""Where a device is: udp:HOST:PORT, tcp:HOST:PORT, serial:PATH[:BAUD]; `wires.KINDS` lists them."""

from __future__ import annotations

from dataclasses import dataclass

from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport.wires import KINDS, forms

FORMS = forms()


@dataclass(frozen=True)
class Address:
    """One device.

    Attributes:
        kind: one of `wires.KINDS`: udp (one SMP message per datagram), tcp or serial (SMP's serial frames over a
            socket, over a UART).
        host: name or address of the host; the path of a serial port.
        port: of udp and tcp; the baud rate of serial.
    """

    kind: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.kind}:{KINDS[self.kind].give(self.host, self.port)}"


def parse(text: str) -> Address:
    """The address that a text names.

    Raises:
        McueditError: it is none.
    """
    kind, _, rest = text.partition(":")
    found = KINDS[kind].take(rest) if kind in KINDS else None
    if found is None:
        raise McueditError(f"no address of a device: {text!r}", f"use {forms()}")
    return Address(kind, *found)
