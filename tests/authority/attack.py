# SPDX-License-Identifier: Apache-2.0
"""Commands that nobody authorized, by the thousand, against a device process and a virtual Cortex-M4.

    python tests/authority/attack.py [process|virt-m4] [COUNT]

prints how many were tried and how many accepted, by kind; 100,000 by default, which takes a minute on the process and
a quarter of an hour on the board, whose core spends it on signatures.
"""

from __future__ import annotations

import random
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cbor2
from helpers import operated, packages
from helpers.linked import Linked, Refused
from helpers.smp_node import raw_header
from helpers.waiting import WAIT

from mcuedit.boards import board
from mcuedit.build.options import BuildOptions
from mcuedit.emulate.backends.unicorn import UnicornSession
from mcuedit.emulate.devices.device_process import DeviceProcess
from mcuedit.emulate.devices.updatable import build_device, build_program
from mcuedit.emulate.peripherals.flash import Flash
from mcuedit.fleet.transport.authority.signing import Moment, signed
from mcuedit.model.bundle import Base

OS, IMAGE, OWN = 0, 1, 64
READ, WRITE = 0, 2
CHUNK, EVERY = 160, 500
STRANGER, TRUSTED = packages.key(4).key.sign, operated.OPERATOR.sign
LONG = 1 << 30  # requests: so that nothing but the signature refuses a command


class Target(Protocol):
    """A device: messages in, maps out."""

    def send(self, message: bytes) -> dict[str, Any]:
        """The map of its answer."""

    def restart(self) -> None:
        """Power off and on."""


class Process:
    """One over UDP."""

    def __init__(self, device: DeviceProcess) -> None:
        self._device, self._sequence = device, 0
        self._plug = socket.socket(type=socket.SOCK_DGRAM)
        self._plug.settimeout(WAIT)

    def send(self, message: bytes) -> dict[str, Any]:
        self._sequence = (self._sequence + 1) % 256
        self._plug.sendto(message[:6] + bytes([self._sequence]) + message[7:], ("127.0.0.1", self._device.port))
        answer = self._plug.recv(4096)
        assert answer[6] == self._sequence
        return dict(cbor2.loads(answer[8:]))

    def restart(self) -> None:
        self._device.stop()
        self._device.start()


class Board:
    """One on an emulator's UART."""

    def __init__(self, session: UnicornSession) -> None:
        self._linked = Linked(session)
        self._linked.start()

    def send(self, message: bytes) -> dict[str, Any]:
        try:
            return self._linked.send(message)
        except Refused as refused:
            return dict(refused.args[0])

    def restart(self) -> None:
        self._linked.session.power_cycle()
        self._linked.start()


@contextmanager
def target(name: str, folder: Path) -> Iterator[Target]:
    """A fresh device that trusts the key of packages and the operator of `operated`."""
    base, keys = Base("base", packages.model()), [packages.public()]
    if name == "process":
        program = build_program(base, keys, folder, operated.SETUP)
        with DeviceProcess(program, folder / "flash", device_id="victim") as device:
            yield Process(device)
    else:
        it = board.load(name)
        built = build_device(base, keys, it, folder, operated.SETUP, BuildOptions(opt="s"))
        with UnicornSession(it, built.elf, flash=Flash.of(it)) as session:
            yield Board(session)


def request(group: int, command: int, fields: dict[str, Any], op: int = WRITE) -> bytes:
    """A message, long enough for its answer."""
    body = cbor2.dumps({"pad": bytes(180), **fields} if op == READ else {"pad": bytes(12), **fields})
    return raw_header(op, 1, len(body), group, 0, command) + body


# What an attacker wants: group, command, and fields that are those of a good request.
WISHES: tuple[tuple[int, int, Callable[[random.Random], dict[str, Any]]], ...] = (
    (OWN, 1, lambda rng: {"mask": rng.choice((0, 1, 2, 3, rng.randrange(256))), "boots": rng.randrange(256)}),
    (OWN, 2, lambda rng: {}),
    (OWN, 3, lambda rng: {}),
    (OWN, 4, lambda rng: {"arm": rng.randrange(2), "good": rng.random() < 0.5}),
    (OWN, 6, lambda rng: {"slot": rng.randrange(8), "erase": rng.random() < 0.5}),
    (OWN, 7, lambda rng: {"in": bytes(16), "class": rng.randrange(6)}),
    (IMAGE, 0, lambda rng: {"confirm": True}),
    (IMAGE, 1, lambda rng: {"off": 0, "len": 500, "sha": rng.randbytes(32), "data": rng.randbytes(20)}),
    (IMAGE, 5, lambda rng: {"slot": rng.randrange(8)}),
    (OS, 5, lambda rng: {}),
)


@dataclass
class Attack:
    """Tries on one device; `tried` and `accepted` by kind."""

    device: Target
    rng: random.Random
    tried: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    _used: list[bytes] = field(default_factory=list)
    _kept: list[bytes] = field(default_factory=list)
    _now: Moment | None = None  # as long as nothing is obeyed: `run` asserts that

    def prepare(self) -> None:
        """One package confirmed, one in trial, all other slots staged; signatures that were used or kept back."""
        slots = self.status()["slots"]
        for i in range(slots):
            self._upload(packages.package(name=f"p{i}", counter=i + 1, seed=i))
        wanted = [slot["slot"] for i in range(slots) if (slot := self.ask(OWN, 0, {"slot": i})).get("ctr") in (1, 2)]
        self._kept.append(self._sign(TRUSTED, *self._wish()))
        self.obey(OWN, 1, {"mask": 1 << wanted[0]})
        self.obey(OWN, 2, {})
        self._kept += [self._sign(TRUSTED, *self._wish()) for _ in range(8)]
        self.device.restart()  # a new boot: what was kept back is of the last one
        self._now = None
        self._kept += [self._sign(TRUSTED, *self._wish()) for _ in range(8)]
        self.obey(OWN, 1, {"mask": 1 << wanted[0] | 1 << wanted[1], "boots": 255})

    def run(self, count: int, say: Callable[[str], None] = lambda text: None) -> None:
        """Tries, each of a kind that comes in turn.

        Args:
            say: is told how far it has come.

        Raises:
            AssertionError: the device is not as it was, or does not obey its operator any more.
        """
        kinds = (self.unsigned, self.forged, self.stranger, self.altered, self.replayed)
        kinds += (self.out_of_order, self.for_another_device, self.expired)
        before = self._state()
        for number in range(count):
            kind = kinds[number % len(kinds)]
            told = self.device.send(kind())
            self.tried[kind.__name__] += 1
            self.errors[str(told.get("err", {}).get("rc", told.get("rc")))] += 1
            self.accepted[kind.__name__] += not told.keys() & {"err", "rc"}
            if number % EVERY == EVERY - 1 or number == count - 1:
                assert self._state() == before, (kind.__name__, before, self._state())
                say(f"{number + 1} tried, {self.accepted.total()} accepted")
        self.obey(OWN, 2, {})  # the same, authorized

    def unsigned(self) -> bytes:
        return request(*self._wish())

    def forged(self) -> bytes:
        """Random bytes of the length of a signature or of a MAC."""
        auth = LONG.to_bytes(4, "little") + self.rng.randbytes(self.rng.choice((64, 64, 32, 0, 63)))
        group, command, fields = self._wish()
        return request(group, command, {**fields, "auth": auth})

    def stranger(self) -> bytes:
        """Another key."""
        return self._sign(STRANGER, *self._wish())

    def altered(self) -> bytes:
        """The operator's, for now, with one bit changed, or with another command or more fields."""
        message = bytearray(self._sign(TRUSTED, *self._wish()))
        way = self.rng.randrange(4)
        if way == 0:
            message[7] = self.rng.choice([c for c in (1, 2, 3, 6) if c != message[7]])
            message[4:6] = OWN.to_bytes(2, "big")
        elif way == 1:
            at = message.index(b"auth") - 1  # a field slipped in before the signature
            more = cbor2.dumps("log") + cbor2.dumps(self.rng.randrange(100))
            message[at:at] = more
            message[8] += 1
            message[2:4] = (len(message) - 8).to_bytes(2, "big")
        else:
            at = self.rng.randrange(9, len(message))
            message[at] ^= 1 << self.rng.randrange(8)
        return bytes(message)

    def replayed(self) -> bytes:
        """What the device has obeyed before."""
        return self.rng.choice(self._used)

    def out_of_order(self) -> bytes:
        """The operator's, kept back while others were obeyed, before and after a reset."""
        return self.rng.choice(self._kept)

    def for_another_device(self) -> bytes:
        """The operator's, for a device of another id, base or nonce."""
        moment = self._moment()
        other = self.rng.choice(
            (
                replace(moment, device=self.rng.choice(("", "victim2", "pump-7"))),
                replace(moment, base=sha256(moment.base).digest()),
                replace(moment, nonce=self.rng.randbytes(16)),
            )
        )
        return signed(request(*self._wish()), other, TRUSTED, 64, within=LONG)

    def expired(self) -> bytes:
        """The operator's, for fewer requests than were made since."""
        return signed(request(*self._wish()), self._moment(), TRUSTED, 64, within=self.rng.randrange(3))

    def status(self) -> dict[str, Any]:
        return self.ask(OWN, 0, {})

    def _state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """With the nonce, which is another one after whatever was obeyed."""
        return self.status(), self.ask(OWN, 9, {})

    def ask(self, group: int, command: int, fields: dict[str, Any]) -> dict[str, Any]:
        told = self.device.send(request(group, command, fields, READ))
        assert not told.keys() & {"err", "rc"}, told
        return told

    def obey(self, group: int, command: int, fields: dict[str, Any]) -> dict[str, Any]:
        """What the operator commands is done."""
        message = self._sign(TRUSTED, group, command, fields)
        told = self.device.send(message)
        assert not told.keys() & {"err", "rc"}, told
        self._used.append(message)
        self._now = None
        return told

    def _wish(self) -> tuple[int, int, dict[str, Any]]:
        group, command, fields = self.rng.choice(WISHES)
        return group, command, fields(self.rng)

    def _moment(self) -> Moment:
        if self._now is None:
            told = self.ask(OWN, 9, {})
            self._now = Moment(told["base"], told["id"], told["nonce"])
        return self._now

    def _sign(self, sign: Callable[[bytes], bytes], group: int, command: int, fields: dict[str, Any]) -> bytes:
        return signed(request(group, command, fields), self._moment(), sign, 64, within=LONG)

    def _upload(self, package: bytes) -> None:
        at = 0
        while at < len(package):
            head = {} if at else {"len": len(package), "sha": sha256(package).digest()}
            told = self.device.send(request(IMAGE, 1, {"off": at, "data": package[at : at + CHUNK], **head}))
            assert told["off"] > at, told
            at = told["off"]


def attack(
    name: str, count: int, folder: Path, seed: int = 0, say: Callable[[str], None] = lambda text: None
) -> Attack:
    """So many tries on a fresh device."""
    with target(name, folder) as device:
        found = Attack(device, random.Random(seed))
        found.prepare()
        found.run(count, say)
        return found


def told(name: str, found: Attack) -> str:
    """The line of figures."""
    kinds = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in found.tried.items())
    kinds += "; answers " + ", ".join(f"{n} x {rc}" for rc, n in found.errors.most_common())
    return f"{name}: {found.tried.total()} tried ({kinds}), {found.accepted.total()} accepted"


def main(name: str = "process", count: str = "100000") -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = attack(name, int(count), Path(folder), say=lambda text: print(f"{name}: {text}", file=sys.stderr))
    print(told(name, found))
    return 1 if found.accepted.total() else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
