# SPDX-License-Identifier: Apache-2.0
"""Where a device is: udp:HOST:PORT, tcp:HOST:PORT, serial:PATH[:BAUD]."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcuedit._util.errors import McueditError

BAUD = 115200
FORMS = "udp:HOST:PORT, tcp:HOST:PORT or serial:/dev/ttyACM0[:115200]"
_NETWORK = re.compile(r"(?P<kind>udp|tcp):(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(?P<port>[0-9]{1,5})")
_SERIAL = re.compile(r"serial:(?P<path>\S.*?)(?::(?P<baud>[0-9]{1,9}))?")


@dataclass(frozen=True)
class Address:
    """One device.

    Attributes:
        kind: udp (one SMP message per datagram), tcp or serial (SMP's serial frames over a socket, over a UART).
        host: name or address of the host; the path of a serial port.
        port: of udp and tcp; the baud rate of serial.
    """

    kind: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.kind != "serial" else self.host
        return f"{self.kind}:{host}:{self.port}"


def parse(text: str) -> Address:
    """The address that a text names.

    Raises:
        McueditError: it is none.
    """
    if found := _NETWORK.fullmatch(text):
        port = int(found["port"])
        if 1 <= port <= 65535:
            return Address(found["kind"], found["host"].strip("[]"), port)
    elif found := _SERIAL.fullmatch(text):
        return Address("serial", found["path"], int(found["baud"] or BAUD))
    raise McueditError(f"no address of a device: {text!r}", f"use {FORMS}")
