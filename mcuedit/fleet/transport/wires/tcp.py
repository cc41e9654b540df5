# SPDX-License-Identifier: Apache-2.0
"""SMP's serial frames over a TCP socket."""

from __future__ import annotations

import asyncio

from smp import packet
from smpclient.transport import SMPTransport

from mcuedit.fleet.transport.address import Address
from mcuedit.fleet.transport.frames import Frames
from mcuedit.fleet.transport.wires import Disconnected

_LINE = 128  # characters of a serial frame's line, by SMP's convention


class Tcp(SMPTransport):
    """SMP's serial frames over a TCP socket: the UART of an emulator or of a bridge."""

    def __init__(self, address: Address) -> None:
        self._port = address.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self, address: str, timeout_s: float) -> None:
        self._streams = await asyncio.wait_for(asyncio.open_connection(address, self._port), timeout_s)
        self._frames = Frames()

    async def disconnect(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None

    def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise Disconnected("not connected")
        return self._streams

    async def send(self, data: bytes) -> None:
        writer = self._open()[1]
        for line in packet.encode(data, line_length=_LINE):
            writer.write(line)
        await writer.drain()

    async def receive(self) -> bytes:
        while True:
            try:
                line = await self._open()[0].readline()
            except ValueError:  # asyncio's limit on a line; it drops what it has
                continue
            if not line:
                raise Disconnected("closed by the other end")
            message = self._frames.take(line)
            if message is not None:
                return message

    async def send_and_receive(self, data: bytes) -> bytes:
        await self.send(data)
        return await self.receive()

    @property
    def mtu(self) -> int:
        return 2 * _LINE

    @property
    def max_unencoded_size(self) -> int:
        return 2 * _LINE
