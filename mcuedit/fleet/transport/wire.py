# SPDX-License-Identifier: Apache-2.0
"""Transports to a device as smpclient's transports: it brings UDP and serial ports; the socket of a UART is here."""

from __future__ import annotations

import asyncio
import logging

from serial import SerialException
from smp import packet
from smpclient.transport import SMPTransport, SMPTransportDisconnected
from smpclient.transport.serial import SMPSerialTransport
from smpclient.transport.udp import SMPUDPTransport

from mcuedit.fleet.transport.address import Address
from mcuedit.fleet.transport.frames import Frames

for _name in ("smp", "smpclient"):  # what goes wrong is told by McueditError, not by their logs on stderr
    logging.getLogger(_name).addHandler(logging.NullHandler())

_LINE = 128  # characters of a serial frame's line, by SMP's convention
_SHARED = 4  # bytes of a serial frame beside the message: length and CRC-16
_SMALLEST, _LARGEST = 96, 4096  # buffers of devices that are taken at their word


class Disconnected(OSError):
    """The transport is gone; connecting again may help."""


class _Udp(SMPUDPTransport):
    """One datagram is one message; a host that refuses says so at once."""

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


class _Serial(SMPSerialTransport):
    """A serial port, which nobody else may have open; opened at the first try or not at all."""

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


class _Tcp(SMPTransport):
    """SMP's serial frames over a TCP socket: the UART of an emulator or of a bridge."""

    def __init__(self, port: int) -> None:
        self._port = port
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
        return _SMALLEST


class Wire(SMPTransport):
    """Any of them, so that no message is larger than the device takes."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._buffer = 0
        self._inner = self._make()

    def _make(self) -> SMPTransport:
        match self._address.kind:
            case "udp":
                return _Udp()
            case "tcp":
                return _Tcp(self._address.port)
        return _Serial(baudrate=self._address.port, exclusive=True)

    @property
    def keeps_order(self) -> bool:
        """Whether what is sent arrives, once and in order, unless it is damaged."""
        return not isinstance(self._inner, _Udp)

    async def connect(self, address: str, timeout_s: float) -> None:
        """Raises OSError or TimeoutError."""
        if isinstance(self._inner, _Udp):
            await self._inner.connect(address, timeout_s, self._address.port)
        else:
            await self._inner.connect(address, timeout_s)

    async def disconnect(self) -> None:
        await self._inner.disconnect()

    def initialize(self, smp_server_transport_buffer_size: int) -> None:
        """Takes the device's buffer, within reason."""
        self._buffer = max(_SMALLEST, min(smp_server_transport_buffer_size, _LARGEST))
        if not isinstance(self._inner, _Udp):
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
        if isinstance(self._inner, _Udp):
            return min(self._inner.max_unencoded_size, self._buffer)
        return self._buffer - _SHARED
