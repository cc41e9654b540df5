# SPDX-License-Identifier: Apache-2.0
"""SMP's serial frames over a serial port."""

from __future__ import annotations

from smpclient.transport.serial import SMPSerialTransport

from mcuedit.fleet.transport.address import Address
from mcuedit.fleet.transport.frames import Frames


class Serial(SMPSerialTransport):
    """A serial port, which nobody else may have open; opened at the first try or not at all."""

    def __init__(self, address: Address) -> None:
        super().__init__(baudrate=address.port, exclusive=True)

    async def connect(self, address: str, timeout_s: float) -> None:
        self._reset_state()
        self._frames = Frames()
        self._conn.port = address
        self._conn.open()
        self._conn.reset_input_buffer()

    async def receive(self) -> bytes:
        while True:
            message = self._frames.take(await self._read_one_smp_packet())
            if message is not None:
                return message
