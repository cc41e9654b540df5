# SPDX-License-Identifier: Apache-2.0
"""A transport to a device of whatever kind, bounded by what the device takes."""

from __future__ import annotations

import logging
from importlib import import_module

from serial import SerialException
from smpclient.transport import SMPTransport, SMPTransportDisconnected

from mcuedit.fleet.transport.address import Address
from mcuedit.fleet.transport.wires import KINDS, Disconnected

for _name in ("smp", "smpclient"):  # what goes wrong is told by McueditError, not by their logs on stderr
    logging.getLogger(_name).addHandler(logging.NullHandler())

_SHARED = 4  # bytes of a serial frame beside the message: length and CRC-16
_SMALLEST, _LARGEST = 96, 4096  # buffers of devices that are taken at their word


class Wire(SMPTransport):
    """Any of them, so that no message is larger than the device takes."""

    def __init__(self, address: Address) -> None:
        kind = KINDS[address.kind]
        module, name = kind.transport.split(":")
        self._datagrams = kind.datagrams
        self._buffer = 0
        self._inner: SMPTransport = getattr(import_module(module), name)(address)

    @property
    def keeps_order(self) -> bool:
        """Whether what is sent arrives, once and in order, unless it is damaged."""
        return not self._datagrams

    async def connect(self, address: str, timeout_s: float) -> None:
        """Raises OSError or TimeoutError."""
        await self._inner.connect(address, timeout_s)

    async def disconnect(self) -> None:
        await self._inner.disconnect()

    def initialize(self, smp_server_transport_buffer_size: int) -> None:
        """Takes the device's buffer, within reason."""
        self._buffer = max(_SMALLEST, min(smp_server_transport_buffer_size, _LARGEST))
        self._inner.initialize(self._buffer)

    async def send(self, data: bytes) -> None:
        """Raises Disconnected."""
        try:
            await self._inner.send(data)
        except (SMPTransportDisconnected, SerialException) as error:
            raise Disconnected(str(error)) from error

    async def receive(self) -> bytes:
        """The next message, or what came as one. Raises Disconnected."""
        try:
            return await self._inner.receive()
        except (SMPTransportDisconnected, SerialException) as error:
            raise Disconnected(str(error)) from error

    async def send_and_receive(self, data: bytes) -> bytes:
        """Of smpclient; `Exchange` asks here."""
        await self.send(data)
        return await self.receive()

    @property
    def mtu(self) -> int:
        return self._inner.mtu

    @property
    def max_unencoded_size(self) -> int:
        if not self._buffer:
            return min(self._inner.max_unencoded_size, _SMALLEST)
        if self._datagrams:
            return min(self._inner.max_unencoded_size, self._buffer)
        return self._buffer - _SHARED
