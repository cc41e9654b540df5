# SPDX-License-Identifier: Apache-2.0
"""The smallest transport: a device in this process, asked by its name."""

from __future__ import annotations

from helpers.standin import Standin
from smpclient.transport import SMPTransport

from mcuedit.fleet.transport.address import Address

DEVICES = {"pump": Standin()}


class Toy(SMPTransport):
    """What is sent is answered at once."""

    def __init__(self, address: Address) -> None:
        self._answers: list[bytes] = []

    async def connect(self, address: str, timeout_s: float) -> None:
        self._device = DEVICES[address]

    async def disconnect(self) -> None:
        self._answers.clear()

    async def send(self, data: bytes) -> None:
        self._answers.append(self._device.frame(data))

    async def receive(self) -> bytes:
        return self._answers.pop(0)

    async def send_and_receive(self, data: bytes) -> bytes:
        await self.send(data)
        return await self.receive()

    @property
    def mtu(self) -> int:
        return 256
