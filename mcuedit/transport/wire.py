# SPDX-License-Identifier: Apache-2.0
"""Links to a device as smpclient's transports: it brings UDP and serial ports; the socket of a UART is here."""

from __future__ import annotations

import asyncio
import binascii
import logging
import struct

from serial import SerialException
from smp import packet
from smp.exceptions import SMPException
from smpclient.exceptions import SMPClientException
from smpclient.transport import SMPTransport, SMPTransportDisconnected
from smpclient.transport.serial import SMPSerialTransport
from smpclient.transport.udp import SMPUDPTransport

from mcuedit.transport.address import Address

for _name in ("smp", "smpclient"):  # what goes wrong is told by McueditError, not by their logs on stderr
    logging.getLogger(_name).addHandler(logging.NullHandler())

HEADER = 8
_LINE = 128  # characters of a serial frame's line, by SMP's convention
_SHARED = 4  # bytes of a serial frame beside the message: length and CRC-16
_SMALLEST, _LARGEST = 96, 4096  # buffers of devices that are taken at their word
_PATIENCE = 64  # answers to something else, or to nothing, before the request is given up


class Garbage(Exception):
    """What came is no SMP, or no answer to what was asked."""


class Disconnected(OSError):
    """The link is gone; connecting again may help."""


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
        self._conn.port = address
        self._conn.open()
        self._conn.reset_input_buffer()


class _Tcp(SMPTransport):
    """SMP's serial frames over a TCP socket: the UART of an emulator or of a bridge."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self, address: str, timeout_s: float) -> None:
        self._streams = await asyncio.wait_for(asyncio.open_connection(address, self._port), timeout_s)

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
        decoder = packet.decode()
        next(decoder)
        while True:
            try:
                decoder.send(await self._line())
            except StopIteration as done:
                return bytes(done.value)

    async def _line(self) -> bytes:
        """The next line of a frame; what the device says beside frames is passed over."""
        while True:
            try:
                line = await self._open()[0].readline()
            except ValueError as error:  # asyncio's limit on a line
                raise Garbage("a line without end") from error
            if not line:
                raise Disconnected("closed by the other end")
            starts = [
                at for mark in (packet.START_DELIMITER, packet.CONTINUE_DELIMITER) if (at := line.find(mark)) >= 0
            ]
            if starts:
                return line[min(starts) :].replace(b"\r", b"")

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
    """Any of them, so that only the answer to a request is its answer, and no message is larger than the device takes.

    Attributes:
        garbage: answers to something else that came since the last `send_and_receive`.
    """

    def __init__(self, address: Address) -> None:
        self.garbage = 0
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
        await self._inner.send(data)

    async def receive(self) -> bytes:
        return await self._inner.receive()

    async def send_and_receive(self, data: bytes) -> bytes:
        """The answer to a request.

        Raises:
            Garbage: other things came in its place, again and again.
            OSError: the link is gone.
        """
        self.garbage = 0
        try:
            await self.send(data)
            while self.garbage < _PATIENCE:
                frame = await self._one()
                if frame is not None and answers(data, frame):
                    return frame
                self.garbage += 1
        except (SMPTransportDisconnected, SerialException) as error:
            raise Disconnected(str(error)) from error
        raise Garbage(f"{self.garbage} messages that answer something else")

    async def _one(self) -> bytes | None:
        try:
            return await self.receive()
        except (Garbage, SMPException, SMPClientException, binascii.Error, struct.error, ValueError) as error:
            logging.getLogger(__name__).debug("passed over: %r", error)
            return None

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


def answers(request: bytes, frame: bytes) -> bool:
    """Whether a message is the whole answer to a request: its length, operation, group, sequence and command."""
    if len(frame) < HEADER or len(frame) != HEADER + int.from_bytes(frame[2:4], "big"):
        return False
    return frame[0] & 7 == (request[0] & 7) + 1 and frame[4:8] == request[4:8]
