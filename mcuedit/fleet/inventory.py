# SPDX-License-Identifier: Apache-2.0
"""fleet.toml: the devices of a fleet.

[[device]]
name = "press-01"
address = "udp:10.0.0.11:1337"
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, InstanceOf, model_validator

from mcuedit._util import schema
from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import Address, parse
from mcuedit.fleet.transport.address import FORMS

EXAMPLE = "docs/guides/fleet.md"


@dataclass(frozen=True)
class Member:
    """One device: the operator's name for it, and where it is."""

    name: str
    address: Address


def _address(text: Any) -> Any:
    try:
        return parse(text) if isinstance(text, str) else text
    except McueditError as error:
        raise ValueError(FORMS) from error


class _Device(schema.Form):
    name: schema.Line
    address: Annotated[InstanceOf[Address], BeforeValidator(_address)]


class _Fleet(schema.Form):
    device: Annotated[list[_Device], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema.check(self._twice())
        return self

    def _twice(self) -> Iterator[tuple[str, str]]:
        for what in "name", "address":
            values = [str(getattr(device, what)) for device in self.device]
            count = Counter(values)
            for at, value in enumerate(values):
                if count[value] > 1:
                    yield f"device.{at}.{what}", f"each device once, {what} {value} stands there {count[value]} times"


def read(path: Path) -> tuple[Member, ...]:
    """The devices of a file, in its order.

    Raises:
        McueditError: names every key, name and address that is none, or that stands there twice.
    """
    fleet = schema.read_toml(path, _Fleet, EXAMPLE)
    return tuple(Member(device.name, device.address) for device in fleet.device)


def canaries(members: Sequence[Member], count: int, digest: str) -> tuple[Member, ...]:
    """The members that go first: other ones for every package, the same ones whenever it is pushed again."""
    ranked = sorted(members, key=lambda m: hashlib.sha256(f"{digest} {m.name}".encode()).digest())
    chosen = set(ranked[:count])
    return tuple(m for m in members if m in chosen)
