# SPDX-License-Identifier: Apache-2.0
"""A device in Python that speaks SMP over UDP and fails as told: for tests of the host alone."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import cbor2
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
