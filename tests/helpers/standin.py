# SPDX-License-Identifier: Apache-2.0
"""A device in Python that speaks SMP over UDP and fails as told: for tests of the host alone."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import threading
import tty
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cbor2
from smp import packet
from smp.header import OP, Header

from helpers import packages
from mcuedit.fleet.transport.reasons import core_errors
from mcuedit.model.tflite import Model
from mcuedit.package import Package, Refused, open_package, parse

EMPTY, STAGED, TRIAL, CONFIRMED, REVOKED = range(5)
BUSY = 10


class Smp(Exception):
    """An error of SMP's own."""


class Core(Exception):
    """An error of the core, by name."""


@dataclass
class Standin:
    """State and faults of one device; `frame` answers a message.

    Attributes:
        fault: called with (group, command, request's map) before each request is carried out; what it returns, if
            anything, is sent instead: bytes as they are, b"" for silence.
        lose: called likewise; True carries the request out, but loses the answer.
    """

    base: Model = field(default_factory=packages.model)
    name: str = "standin"
    slots: int = 4
    room: int = 4096
    buffer: int = 512
    signer: int = 0
    fault: Callable[[int, int, dict], bytes | None] = lambda group, command, asked: None
    lose: Callable[[int, int, dict], bool] = lambda group, command, asked: False
    stored: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    minimum_counter: int = 0
    good: int = 0
    before: int = 0
    trial: int | None = None
    ab: int = 100
    log: list[bytes] = field(default_factory=list)
    upload: tuple[bytes, int, bytearray] | None = None
    arms: dict[str, list[int]] = field(default_factory=lambda: {k: [0, 0] for k in ("runs", "good", "bad")})
    asked: list[tuple[int, int]] = field(default_factory=list)

    def frame(self, request: bytes) -> bytes:
        """The answer to a message; b"" for none."""
        head, asked = Header.loads(request[:8]), cbor2.loads(request[8:])
        key = (int(head.group_id), int(head.command_id))
        self.asked.append(key)
        instead = self.fault(*key, asked)
        if instead is not None:
            return instead
        try:
            told = self.handle(key, head.op == OP.WRITE, asked)
        except Smp as error:
            told = {"rc": error.args[0]}
        except Core as error:
            told = {"err": {"group": 64, "rc": next(k for k, v in core_errors().items() if v[0] == error.args[0])}}
        return b"" if self.lose(*key, asked) else answer(request, told)

    def handle(self, key: tuple[int, int], write: bool, asked: dict) -> dict:
        """One request."""
        if "log" in asked and asked["log"] != len(self.log):
            raise Smp(6)
        match key, write:
            case (0, 0), True:
                return {"r": asked["d"]}
            case (0, 6), False:
                return {"buf_size": self.buffer, "buf_count": 1}
            case (0, 5), True:
                self.boot()
                return {}
            case (1, 1), True:
                return self.image(asked)
            case (64, 0), False:
                return self.slot(asked["slot"]) if "slot" in asked else self.status()
            case (64, 1), True:
                return self.activate(asked)
            case (64, 2), True:
                return self.confirm()
            case (64, 3), True:
                return self.rollback()
            case (64, 4), False:
                return self.arms
            case (64, 5), False:
                chosen = self.log[asked["from"] :][:4]
                return {"first": 0, "next": len(self.log), "at": asked["from"], "log": b"".join(chosen)}
            case (64, 6), True:
                self.stored.pop(asked["slot"], None)
                self.record(1, asked["slot"])
                return {"slot": asked["slot"], "state": EMPTY}
        raise Smp(8)

    @property
    def mask(self) -> int:
        """In force now."""
        return self.good if self.trial is None else self.trial

    def status(self) -> dict:
        """Of the whole device."""
        up = {"up": [len(self.upload[2]), self.upload[1]]} if self.upload else {}
        told = {
            "base": bytes.fromhex(self.base.sha256),
            "id": self.name,
            "floor": self.minimum_counter,
            "slots": self.slots,
        }
        told |= {"room": self.room, "mask": self.mask, "good": self.good, "trial": self.trial or 0, "ab": self.ab}
        told |= {
            "boots": 0 if self.trial is None else 3,
            "test": self.trial is not None,
            "dev": False,
            "log": len(self.log),
            "wear": 0,
        }
        return told | {"head": self.log[-1][20:28] if self.log else bytes(8)} | up

    def slot(self, index: int) -> dict:
        """Of one slot."""
        if index not in self.stored:
            return {"slot": index, "state": EMPTY}
        data, state = self.stored[index]
        found = parse(data)
        told = {"slot": index, "state": state, "name": found.name, "ver": found.version, "ctr": found.counter}
        hashes = {"hash": bytes.fromhex(found.digest), "key": bytes.fromhex(found.key_sha256)}
        return told | hashes | {"size": len(data)}

    def image(self, asked: dict) -> dict:
        """One chunk."""
        if asked["off"] == 0:
            if self.upload is None or self.upload[0] != asked["sha"]:
                if asked["len"] > self.room:
                    raise Core("E_SIZE")
                self.upload = asked["sha"], asked["len"], bytearray()
            elif self.upload[2]:
                return {"off": len(self.upload[2])}
        if self.upload is None or asked["off"] != len(self.upload[2]):
            return {"off": len(self.upload[2]) if self.upload else 0}
        self.upload[2].extend(asked["data"])
        if len(self.upload[2]) < self.upload[1]:
            return {"off": len(self.upload[2])}
        data, self.upload = bytes(self.upload[2]), None
        self.install(data)
        return {"off": len(data), "match": True}

    def install(self, data: bytes) -> None:
        """What the store does at the end of an upload."""
        found = self.check(data)
        held = {parse(d).digest: state for d, state in self.stored.values()}
        if found.digest in held:
            if held[found.digest] == REVOKED:
                raise Core("E_REVOKED")
            return
        if found.counter <= self.minimum_counter:
            raise Core("E_COUNTER")
        used = self.good | (self.trial or 0)
        free = [i for i in range(self.slots) if not used >> i & 1 and self.stored.get(i, (0, EMPTY))[1] in (0, 1, 4)]
        if not free:
            raise Core("E_FULL")
        self.stored[free[0]] = data, STAGED
        self.record(2, free[0])

    def check(self, data: bytes) -> Package:
        """As a device would."""
        try:
            return open_package(data, [packages.public(self.signer)], model=self.base)
        except Refused as error:
            raise Core(error.code) from error

    def activate(self, asked: dict) -> dict:
        """Starts a trial."""
        chosen = [i for i in range(self.slots) if asked["mask"] >> i & 1]
        found = [parse(self.stored[i][0]) if i in self.stored else None for i in chosen]
        if None in found or any(self.stored[i][1] == REVOKED for i in chosen):
            raise Core("E_STATE")
        if len({p.name for p in found}) < len(found):
            raise Core("E_NAME")
        self.trial, self.ab = asked["mask"], asked.get("ab", 100)
        for i, package in zip(chosen, found, strict=True):
            self.stored[i] = self.stored[i][0], CONFIRMED if self.stored[i][1] == CONFIRMED else TRIAL
            self.minimum_counter = max(self.minimum_counter, package.counter)
        self.record(4, asked["mask"])
        return {"mask": self.mask}

    def confirm(self) -> dict:
        """Keeps the trial."""
        if self.trial is None:
            raise Core("E_STATE")
        self.before, self.good, self.trial = self.good, self.trial, None
        self.mark(self.good, CONFIRMED)
        self.record(6, self.good)
        return {"mask": self.mask}

    def rollback(self) -> dict:
        """Ends the trial, or returns to the set before."""
        if self.trial is None:
            self.good, self.before = self.before, self.good
        else:
            self.mark(self.trial & ~self.good, REVOKED)
            self.trial = None
        self.record(7, self.good)
        return {"mask": self.mask}

    def boot(self) -> None:
        """An upload does not survive it."""
        self.upload = None

    def mark(self, mask: int, state: int) -> None:
        """The state of several slots."""
        for i in list(self.stored):
            if mask >> i & 1:
                self.stored[i] = self.stored[i][0], state

    def record(self, kind: int, what: int) -> None:
        """Appends to the device log."""
        last = self.log[-1][20:28] if self.log else bytes(8)
        body = len(self.log).to_bytes(4, "little") + bytes([kind, what & 15]) + what.to_bytes(2, "little") + bytes(12)
        body += hashlib.sha256(body + last).digest()[:8]
        self.log.append(body + zlib.crc32(body).to_bytes(4, "little"))


def answer(request: bytes, told: dict) -> bytes:
    """A message that answers another."""
    data = cbor2.dumps(told)
    return bytes([request[0] & ~7 | (request[0] & 7) + 1, 0]) + len(data).to_bytes(2, "big") + request[4:8] + data


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
        self._ends.append(port)
        # the thread's own, taken before it starts: a number that is closed first may by then be another's
        line = os.fdopen(end, "r+b", buffering=0)
        threading.Thread(target=self._terminal, args=(line, answers), daemon=True).start()
        return f"serial:{os.ttyname(port)}"

    def _terminal(self, line: io.FileIO, answers: Callable[[bytes], bytes]) -> None:
        try:
            with line, io.BufferedReader(line) as reader:
                self._frames(reader, line.write, answers)
        except OSError:
            self._ended()

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

    def _ended(self) -> None:
        """Only the end of the block ends a line; whatever else does is raised in the thread, where pytest says it."""
        if not self._stop.is_set():
            raise

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
                self._ended()

    def _lines(self, plug: socket.socket, answers: Callable[[bytes], bytes]) -> None:
        """A UART that says other things, too."""
        while not self._stop.is_set():
            try:
                with plug.accept()[0] as line, line.makefile("rb") as reader:
                    self._frames(reader, line.sendall, answers)
            except TimeoutError:
                continue
            except OSError:
                self._ended()

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
