# SPDX-License-Identifier: Apache-2.0
"""The device app in an emulator, asked over its UART without any link in between."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import cbor2
from smp import packet

from helpers.smp_node import raw_header
from mcuedit.emulate.backends.unicorn import UnicornSession
from mcuedit.fleet.transport.authority import Operator
from mcuedit.fleet.transport.authority.signing import Moment

READ, WRITE, V2 = 0, 2, 1
IMAGE, OWN = 1, 64
RUN, AUTHORITY = 8, 9
CHUNK = 160
LINE = 128


class Refused(Exception):
    """The device answered with an error."""


@dataclass(frozen=True)
class View:
    """What counts after a power cut: sets by the digests of their packages, and what the device answers."""

    confirmed: frozenset[bytes]
    trial: frozenset[bytes]
    in_trial: bool
    active: frozenset[bytes]
    minimum_counter: int
    output: bytes


class Linked:
    """A session of the device app. Counts messages, so that no old answer is taken for a new one.

    Args:
        operator: signs what changes something.
    """

    def __init__(self, session: UnicornSession, operator: Operator | None = None) -> None:
        self.session, self._sequence, self._operator = session, 0, operator

    def start(self) -> None:
        """Waits for its first line."""
        assert self.session.read_line() == "mcuedit ready"

    def ask(self, group: int, command: int, op: int = READ, **fields: Any) -> dict[str, Any]:
        """The map of the answer.

        Raises:
            Refused: there is an error in it.
        """
        body = cbor2.dumps(fields)
        message = raw_header(op, V2, len(body), group, 0, command) + body
        if self._operator and op == WRITE and (group, command) != (OWN, RUN) and not fields.get("off"):
            message = self._operator.signed(message, self.moment())
        return self.send(message)

    def moment(self) -> Moment:
        """What the next signature is for."""
        told = self.ask(OWN, AUTHORITY)
        return Moment(told["base"], told["id"], told["nonce"])

    def send(self, message: bytes) -> dict[str, Any]:
        """The same for a message as it is, but for its sequence number."""
        self._sequence = (self._sequence + 1) % 256
        message = message[:6] + bytes([self._sequence]) + message[7:]
        said = self.session.exchange(b"".join(packet.encode(message, line_length=LINE)), 0)
        decoder = packet.decode()
        next(decoder)
        try:
            for line in said.splitlines(keepends=True):
                decoder.send(line)
        except StopIteration as done:
            answer = bytes(done.value)
        assert answer[6] == self._sequence
        found: dict[str, Any] = cbor2.loads(answer[8:])
        if "err" in found or found.get("rc"):
            raise Refused(found)
        return found

    def install(self, package: bytes) -> None:
        """Uploads a package; the device checks it."""
        at = 0
        while at < len(package):
            first = {} if at else {"len": len(package), "sha": sha256(package).digest()}
            found = self.ask(IMAGE, 1, WRITE, off=at, data=package[at : at + CHUNK], **first)
            assert found["off"] > at
            at = found["off"]

    def slots(self) -> dict[bytes, int]:
        """Digest of each package in the store, and its slot."""
        found = [self.ask(OWN, 0, slot=i) for i in range(self.ask(OWN, 0)["slots"])]
        return {slot["hash"]: slot["slot"] for slot in found if "hash" in slot}

    def activate(self, *packages: bytes) -> None:
        """Starts a trial of them."""
        slots = self.slots()
        self.ask(OWN, 1, WRITE, mask=sum(1 << slots[digest(package)] for package in packages), boots=3)

    def confirm(self) -> None:
        self.ask(OWN, 2, WRITE)

    def rollback(self) -> None:
        self.ask(OWN, 3, WRITE)

    def view(self, x: bytes) -> View:
        """The state, and the output for input `x`."""
        state, slots = self.ask(OWN, 0), self.slots()
        assert "damage" not in state

        def named(mask: int) -> frozenset[bytes]:
            found = frozenset(name for name, slot in slots.items() if mask >> slot & 1)
            assert len(found) == mask.bit_count()  # every one of them is there
            return found

        return View(
            confirmed=named(state["good"]),
            trial=named(state["trial"]),
            in_trial=state["test"],
            active=named(state["mask"]),
            minimum_counter=state["floor"],
            output=self.ask(OWN, 8, WRITE, **{"in": x, "out": True})["out"],
        )


def digest(package: bytes) -> bytes:
    """What identifies a package: the hash in its unprotected TLVs."""
    at = 32 + int.from_bytes(package[12:16], "little")
    at += int.from_bytes(package[at + 2 : at + 4], "little")
    return package[at + 8 : at + 40]
