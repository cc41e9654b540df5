# SPDX-License-Identifier: Apache-2.0
"""A device log (SPEC.md, section 8), read and judged apart from the firmware that wrote it.

Every record carries a hash over itself and the hash of the one before, so that none can be changed, left out or put in
without the last hash changing. What the host saw last ties the log of today to the one of then.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import Device, Status

RECORD = struct.Struct("<IBBHI4s4s8sI")
EVENTS = (
    "",
    "erase",
    "stage",
    "local",
    "trial",
    "boot",
    "confirm",
    "rollback",
    "expired",
    "self-test",
    "damaged",
    "revoke",
    "session",
    "keys",
)
_NONE = 255  # slot of a record that is about a set of slots
_CHAIN_AT, _HASHED, _CHAIN = 20, 28, 8
_START = "00" * _CHAIN  # what the first record of all is chained to
_MOST = 1 << 13  # records; a log that goes on for longer is not read, nor one that takes longer than this
_LONGEST = 120.0  # seconds


class Broken(McueditError):
    """A log that was changed, cut short, or is another device's."""


@dataclass(frozen=True)
class Record:
    """One entry.

    Attributes:
        sequence: from 0, without gaps.
        event: one of EVENTS.
        slot: that it is about; None where it is about the set of `mask`.
        counter: security counter of the package, or the minimum counter.
        key, digest: first bytes of the signer's key hash and of the package's digest, hexadecimal.
        chain: of this record, hexadecimal.
    """

    sequence: int
    event: str
    slot: int | None
    mask: int
    counter: int
    key: str
    digest: str
    chain: str


@dataclass(frozen=True)
class Log:
    """A log that holds.

    Attributes:
        records, data: those that were read, and their bytes.
        next, head: sequence of the next record and the hash it will be chained to: what to remember.
        tied: whether it continues what the host saw before; None if the host saw nothing before. False only says that
            the records in between are no longer kept.
    """

    records: tuple[Record, ...]
    data: bytes
    next: int
    head: str
    tied: bool | None


def read(
    device: Device,
    status: Status,
    known: tuple[int, str] | None = None,
    *,
    whole: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Log:
    """Reads the log, or what is new of it, and verifies it.

    Args:
        status: read before; the log may have grown since.
        known: what was remembered of this device: sequence of the next record then, and the hash at it.
        whole: all that the device keeps, not only what is new.
        clock: seconds; for tests.

    Raises:
        Broken: it does not hold, or does not continue what is known.
        TransportError: the device cannot be asked.
    """
    who = str(device.address)
    if known and status.records < known[0]:
        raise Broken(f"{who}: its log has {status.records} records, it had {known[0]}", _hint(who))
    start = 0 if whole or not known or not known[0] else known[0] - 1
    data, before, ends, until = b"", "", status.records, clock() + _LONGEST
    while True:
        part = device.records(start + len(data) // RECORD.size)
        if not data and part.data:
            start, before = part.at, part.before
        data += part.data
        ends = part.next
        if not part.data or start + len(data) // RECORD.size >= ends:
            break
        if len(data) > _MOST * RECORD.size or clock() > until:
            raise Broken(f"{who}: its log does not end", _hint(who))
    found = verify(data, start, before, known, who)
    if found.next != ends or ends < status.records or (ends == status.records and status.head != found.head):
        raise Broken(f"{who}: its log ends at {found.next} ({found.head}), its status says otherwise", _hint(who))
    return found


def verify(data: bytes, at: int, before: str, known: tuple[int, str] | None, who: str = "log") -> Log:
    """Judges records.

    Args:
        data: 32 bytes each; `at` is the sequence of the first one.
        before: hash of the record before it, as the device says; empty if it does not.
        known: as for `read`.

    Raises:
        Broken: a record was changed, is missing, or comes from another history than the known one.
    """
    records: list[Record] = []
    tied = known[0] == at if known else None
    chain = known[1] if known and tied else _START if at == 0 else before
    for i in range(0, len(data), RECORD.size):
        raw = data[i : i + RECORD.size]
        record = _record(raw, at + len(records), who)
        if chain and record.chain != chained(raw, chain):
            raise Broken(f"{who}: record {record.sequence} does not continue the one before it", _hint(who))
        if known and known[0] == record.sequence + 1:
            if record.chain != known[1]:
                raise Broken(f"{who}: record {record.sequence} is not the one that was seen before", _hint(who))
            tied = True
        records.append(record)
        chain = record.chain
    return Log(tuple(records), data, at + len(records), chain or _START, tied)


def chained(raw: bytes, before: str) -> str:
    """The hash that a record must carry, hexadecimal: over itself with the hash before in its place."""
    body = raw[:_CHAIN_AT] + bytes.fromhex(before) + raw[_CHAIN_AT + _CHAIN : _HASHED]
    return sha256(body).digest()[:_CHAIN].hex()


def _record(raw: bytes, sequence: int, who: str) -> Record:
    if len(raw) != RECORD.size or zlib.crc32(raw[:_HASHED]) != int.from_bytes(raw[_HASHED:], "little"):
        raise Broken(f"{who}: record {sequence} is damaged", _hint(who))
    number, event, slot, mask, counter, key, digest, chain, _ = RECORD.unpack(raw)
    if number != sequence:
        raise Broken(f"{who}: record {number} stands where {sequence} should", _hint(who))
    name = EVENTS[event] if 0 < event < len(EVENTS) else f"event {event}"
    about = None if slot == _NONE else slot
    return Record(number, name, about, mask, counter, key.hex(), digest.hex(), chain.hex())


def _hint(who: str) -> str:
    return f"two devices of one id? else, if it was replaced or wiped on purpose: 'mcuedit log --to {who} --accept'"


def rows(records: Sequence[Record]) -> list[tuple[object, ...]]:
    """For a table: sequence, event, slot, slots of the mask, counter, key, package."""
    return [
        (
            r.sequence,
            r.event,
            r.slot,
            "" if r.slot is not None else " ".join(str(i) for i in range(16) if r.mask >> i & 1) or "factory",
            r.counter or "",
            r.key.strip("0") and r.key,
            r.digest.strip("0") and r.digest,
        )
        for r in records
    ]
