# SPDX-License-Identifier: Apache-2.0
"""Kinds of transports to a device, by the word that an address begins with.

A kind is a module here with a class that smpclient takes for a transport, and a line of `KINDS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Of what follows the kind: a name or address, an IPv6 one in brackets; a path.
HOST_PORT = r"\[?(?P<host>(?<=\[)[0-9A-Fa-f:.]+(?=\])|(?<!\[)[^\s:\[\]]+)\]?:(?P<port>[0-9]{1,5})"
PATH_BAUD = r"(?P<host>\S.*?)(?::(?P<port>[0-9]{1,9}))?"


class Disconnected(OSError):
    """The transport is gone; connecting again may help."""


@dataclass(frozen=True)
class Kind:
    """One kind of transport.

    Attributes:
        form: how its address is written, for messages.
        pattern: a regular expression of what follows `kind:`, with the groups `host` and, if there may be one, `port`.
        transport: "module:class" of an SMPTransport, made of an `Address`.
        datagrams: a message may get lost or be overtaken by another one, and is not framed.
        port: where an address gives none; None: it must.
        ports: the largest.
    """

    form: str
    pattern: str
    transport: str
    datagrams: bool = False
    port: int | None = None
    ports: int = 65535

    def take(self, rest: str) -> tuple[str, int] | None:
        """Host and port of an address, or None if it is not of this form."""
        found = re.fullmatch(self.pattern, rest)
        if found is None or (self.pattern == HOST_PORT and not _is_host(found["host"])):
            return None
        given = found.groupdict().get("port")
        port = self.port if given is None else int(given)
        return None if port is None or not 1 <= port <= self.ports else (found["host"], port)

    def give(self, host: str, port: int) -> str:
        """The way back."""
        return f"[{host}]:{port}" if self.pattern == HOST_PORT and ":" in host else f"{host}:{port}"


KINDS = {
    "udp": Kind("udp:HOST:PORT", HOST_PORT, "mcuedit.fleet.transport.wires.udp:Udp", datagrams=True),
    "tcp": Kind("tcp:HOST:PORT", HOST_PORT, "mcuedit.fleet.transport.wires.tcp:Tcp"),
    "serial": Kind(
        "serial:/dev/ttyACM0[:115200]",
        PATH_BAUD,
        "mcuedit.fleet.transport.wires.serial_port:Serial",
        port=115200,
        ports=999_999_999,
    ),
}


def _is_host(name: str) -> bool:
    """Whether a resolver can be asked for a name."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return "\0" not in name


def forms() -> str:
    """How addresses are written, for messages."""
    *first, last = (kind.form for kind in KINDS.values())
    return f"{', '.join(first)} or {last}"
