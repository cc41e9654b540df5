# SPDX-License-Identifier: Apache-2.0
"""SMP over UDP."""

from __future__ import annotations

import asyncio

from smpclient.transport.udp import SMPUDPTransport

from mcuedit.fleet.transport.address import Address
from mcuedit.fleet.transport.wires import Disconnected


class Udp(SMPUDPTransport):
    """One datagram is one message; a host that refuses says so at once."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._port = address.port

    def initialize(self, smp_server_transport_buffer_size: int) -> None:
        """Datagrams have a bound of their own."""

    async def connect(self, address: str, timeout_s: float, port: int | None = None) -> None:
        await super().connect(address, timeout_s, self._port if port is None else port)

    async def receive(self) -> bytes:
        protocol = self._client._protocol
        frame = asyncio.ensure_future(protocol.receive_queue.get())
        refused = asyncio.ensure_future(protocol.error_queue.get())
        try:
            await asyncio.wait((frame, refused), return_when=asyncio.FIRST_COMPLETED)
            if frame.done():
                return bytes(frame.result())
            raise Disconnected(*refused.result().args)
        finally:
            frame.cancel()
            refused.cancel()

    async def disconnect(self) -> None:
        if hasattr(self._client, "_transport"):  # absent before the first connect
            self._client.disconnect()
