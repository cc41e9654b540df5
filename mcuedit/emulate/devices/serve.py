# SPDX-License-Identifier: Apache-2.0
"""The UART of an emulated device as a TCP port, so that whatever talks to serial lines by sockets can talk to it."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate import TIMEOUT, backends, open_session
from mcuedit.emulate.backends.session import EmulationError, Session
from mcuedit.emulate.peripherals.flash import Flash

_HOST = "127.0.0.1"
_CHUNK = 1 << 12
_TURN = 0.005  # seconds that a turn waits for either side


class Stream(Session, Protocol):
    """A session whose UART is a stream of bytes."""

    def exchange(self, data: bytes, seconds: float) -> bytes:
        """Gives bytes, returns what was said, after about `seconds` or when the device waits for more."""
        ...


@contextmanager
def serve(
    emulator: str, board: Board, elf: Path, *, flash: Flash | None = None, timeout: float = TIMEOUT
) -> Iterator[int]:
    """Runs a firmware behind a TCP port of this machine, which the context yields.

    The firmware has said its first line before. Connections come one after the other; what is said while there is none
    is lost, as on a serial line. A reset that the device asks for takes place. When the device fails its connection is
    closed, and leaving the context raises the failure, unless something else is on its way.

    Args:
        emulator: one that serves (`Backend.serves`); Renode does by itself (`$tcp` in boards/<name>/<name>.resc).
        flash: as `open_session`: content that outlives the context.

    Raises:
        McueditError: no such emulator, or as `open_session`.
        EmulationError: the firmware did not start, or failed later.
    """
    served = backends.names(lambda backend: backend.serves)
    if emulator not in served:
        raise McueditError(f"no port for emulator {emulator!r}", f"one of {', '.join(served)}")
    with open_session(emulator, board, elf, flash=flash, timeout=timeout) as session:
        session.read_line()
        with socket.create_server((_HOST, 0)) as listener:
            bridge = _Bridge(session, listener)  # type: ignore[arg-type]
            bridge.start()
            try:
                yield listener.getsockname()[1]
            finally:
                bridge.stop()
        if bridge.failure is not None:
            raise bridge.failure


class _Bridge(threading.Thread):
    """Moves bytes between whoever is connected and the device."""

    def __init__(self, session: Stream, listener: socket.socket) -> None:
        super().__init__(daemon=True)
        self._session, self._listener = session, listener
        self._stopping = threading.Event()
        self.failure: EmulationError | None = None

    def stop(self) -> None:
        """Ends it; a turn that is under way is finished first."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                if select.select([self._listener], [], [], _TURN)[0]:
                    self._session.exchange(b"", 0)  # said to nobody
                    connection, _ = self._listener.accept()
                    with connection:
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        self._connected(connection)
        except EmulationError as error:
            self.failure = error
            self._listener.close()

    def _connected(self, connection: socket.socket) -> None:
        while not self._stopping.is_set():
            heard = b""
            if select.select([connection], [], [], _TURN)[0]:
                try:
                    heard = connection.recv(_CHUNK)
                except ConnectionError:
                    return
                if not heard:
                    return
            said = self._session.exchange(heard, _TURN)
            try:
                connection.sendall(said)
            except ConnectionError:
                return
