# SPDX-License-Identifier: Apache-2.0
"""fleet.toml: the devices of a fleet.

[[device]]
name = "press-01"
address = "udp:10.0.0.11:1337"
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util import tables
from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import Address, parse

EXAMPLE = "docs/guides/fleet.md"


@dataclass(frozen=True)
class Member:
    """One device: the operator's name for it, and where it is."""

    name: str
    address: Address


def read(path: Path) -> tuple[Member, ...]:
    """The devices of a file, in its order.

    Raises:
        McueditError: a key, a name or an address that is none, or one that stands there twice.
    """
    root = tables.read(path, EXAMPLE)
    members: list[Member] = []
    for record in root.records("device"):
        name, text = record.text("name"), record.text("address")
        record.refuse_unknown()
        try:
            members.append(Member(name, parse(text)))
        except McueditError as error:
            raise McueditError(f"{path}: device {name}: {error.message}", error.hint) from error
    root.refuse_unknown()
    if not members:
        raise McueditError(f"{path}: no device in it", f"see {EXAMPLE} for the form")
    for what, values in ("name", [m.name for m in members]), ("address", [str(m.address) for m in members]):
        for value in values:
            if values.count(value) > 1:
                raise McueditError(f"{path}: two devices of {what} {value}", "give each device once")
    return tuple(members)


def canaries(members: Sequence[Member], count: int, digest: str) -> tuple[Member, ...]:
    """The members that go first: other ones for every package, the same ones whenever it is pushed again."""
    ranked = sorted(members, key=lambda m: hashlib.sha256(f"{digest} {m.name}".encode()).digest())
    chosen = set(ranked[:count])
    return tuple(m for m in members if m in chosen)
