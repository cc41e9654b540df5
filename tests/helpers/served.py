# SPDX-License-Identifier: Apache-2.0
"""Devices in Python behind the sockets and terminals of this machine."""

from __future__ import annotations

import os
import socket
import threading
import tty
from collections.abc import Callable, Iterable

from smp import packet

from helpers.standin import Standin


class Served:
    """Devices behind sockets, in one thread each, while the block runs; yields their addresses."""

    def __init__(self, *devices: Standin | Callable[[bytes], bytes], kind: str = "udp") -> None:
        self._answers = [d.frame if isinstance(d, Standin) else d for d in devices]
        self._stop = threading.Event()
        self._kind = kind
        self._sockets: list[socket.socket] = []
        self._ends: list[int] = []

    def _port(self, answers: Callable[[bytes], bytes]) -> str:
        """A pair of terminals, the device at one end."""
        end, port = os.openpty()
        tty.setraw(end)
        tty.setraw(port)
        self._ends += [end, port]
        threading.Thread(target=self._terminal, args=(end, answers), daemon=True).start()
        return f"serial:{os.ttyname(port)}"

    def _terminal(self, end: int, answers: Callable[[bytes], bytes]) -> None:
        try:
            with os.fdopen(os.dup(end), "rb") as reader:
                self._frames(reader, lambda out: os.write(end, out), answers)
        except OSError:  # closed
            return

    def __enter__(self) -> list[str]:
        if self._kind == "serial":
            return [self._port(answers) for answers in self._answers]
        stream = self._kind == "tcp"
        self._sockets = [socket.socket(type=socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) for _ in self._answers]
        for plug, answers in zip(self._sockets, self._answers, strict=True):
            plug.bind(("127.0.0.1", 0))
            plug.settimeout(0.05)
            if stream:
                plug.listen(1)
            threading.Thread(
                target=self._lines if stream else self._datagrams, args=(plug, answers), daemon=True
            ).start()
        return [f"{self._kind}:127.0.0.1:{plug.getsockname()[1]}" for plug in self._sockets]

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for plug in self._sockets:
            plug.close()
        for end in self._ends:
            os.close(end)

    def _datagrams(self, plug: socket.socket, answers: Callable[[bytes], bytes]) -> None:
        while not self._stop.is_set():
            try:
                request, peer = plug.recvfrom(65536)
                told = answers(request)
                for out in told if isinstance(told, list) else [told] if told else []:
                    plug.sendto(out, peer)
            except TimeoutError:
                continue
            except OSError:
                return

    def _lines(self, plug: socket.socket, answers: Callable[[bytes], bytes]) -> None:
        """A UART that says other things, too."""
        while not self._stop.is_set():
            try:
                with plug.accept()[0] as line, line.makefile("rb") as reader:
                    self._frames(reader, line.sendall, answers)
            except TimeoutError:
                continue
            except OSError:
                return

    @staticmethod
    def _frames(lines: Iterable[bytes], write: Callable[[bytes], object], answers: Callable[[bytes], bytes]) -> None:
        """Answers frames on a line where other things are said, too."""
        decoder = packet.decode()
        next(decoder)
        for text in lines:
            try:
                decoder.send(text)
            except StopIteration as done:
                decoder = packet.decode()
                next(decoder)
                write(b"mcuedit ready\r\n")
                for out in packet.encode(answers(done.value)):
                    write(out)
