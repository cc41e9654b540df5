# SPDX-License-Identifier: Apache-2.0
"""Rows as values. Times are the host's, in UTC, ISO 8601; hashes are hexadecimal."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Stored:
    """A package that was made or imported.

    Attributes:
        digest: of all that is signed: the name of the package on a device.
        manifest: what its edits are and how they were measured.
        data: the package's bytes.
    """

    digest: str
    name: str
    version: str
    counter: int
    base_sha256: str
    key_sha256: str
    manifest_sha256: str
    adapter_sha256: str
    manifest: dict[str, Any]
    data: bytes
    added: str

    @property
    def size(self) -> int:
        """Bytes of the package."""
        return len(self.data)


@dataclass(frozen=True)
class Deployment:
    """Something that happened to a package on a device.

    Attributes:
        slot: where it lies; None if it has none.
        state: "staged", "trial", "confirmed", "revoked", or what went wrong.
        digest: of the package; None if the slot is empty or its content unknown.
        at: when it was recorded.
    """

    device: str
    slot: int | None
    state: str
    digest: str | None
    counter: int | None = None
    result: str = ""
    at: str = ""


@dataclass(frozen=True)
class Device:
    """A device that the host has spoken with.

    Attributes:
        log_sequence: of the record that its device log writes next, when it was last verified.
        log_chain: the chain value there.
        slots: the last deployment to each slot.
    """

    device: str
    address: str
    base_sha256: str
    seen: str
    log_sequence: int | None
    log_chain: str | None
    slots: dict[int, Deployment] = field(default_factory=dict)


def stored(row: sqlite3.Row) -> Stored:
    """Of a row of packages joined with its manifest."""
    values = {name: row[name] for name in Stored.__dataclass_fields__ if name != "manifest"}
    return Stored(**values, manifest=json.loads(row["json"]))


def deployment(row: sqlite3.Row) -> Deployment:
    """Of a row of deployments."""
    return Deployment(**{name: row[name] for name in Deployment.__dataclass_fields__})


def device(row: sqlite3.Row, slots: dict[int, Deployment]) -> Device:
    """Of a row of devices."""
    return Device(**{name: row[name] for name in Device.__dataclass_fields__ if name != "slots"}, slots=slots)
