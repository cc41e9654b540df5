# SPDX-License-Identifier: Apache-2.0
"""Rows as values. Times are the host's, in UTC, ISO 8601; hashes are hexadecimal."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.package import manifest

_TYPES = {  # of a field: those of SQLite that it may have
    "str": ("str",),
    "int": ("int",),
    "bytes": ("bytes",),
    "str | None": ("str", "NoneType"),
    "int | None": ("int", "NoneType"),
}


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


class Foreign(ValueError):
    """A row that no registry of ours has."""


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """While rows become values: SQLite keeps in a column whatever it is given, and a file may come from anywhere.

    Raises:
        McueditError: a row holds something else than its table says.
    """
    try:
        yield
    except Foreign as error:
        raise McueditError(f"registry {path}: {error}", "restore it from 'mcuedit registry export'") from error


def stored(row: sqlite3.Row) -> Stored:
    """Of a row of packages joined with its manifest."""
    content = row["json"]
    if not isinstance(content, bytes):
        raise Foreign(f"manifest {row['manifest_sha256']!r:.60} is no content")
    said = manifest.read(content, f"manifest {row['manifest_sha256']!r:.60}")
    return Stored(**_values(row, Stored, "packages", {"manifest"}), manifest=said)


def deployment(row: sqlite3.Row) -> Deployment:
    """Of a row of deployments."""
    return Deployment(**_values(row, Deployment, "deployments"))


def device(row: sqlite3.Row, slots: dict[int, Deployment]) -> Device:
    """Of a row of devices."""
    return Device(**_values(row, Device, "devices", {"slots"}), slots=slots)


def _values(row: sqlite3.Row, of: type[Any], kind: str, beside: Collection[str] = ()) -> dict[str, Any]:
    """By field, each of the type that the field has."""
    found = {one.name: row[one.name] for one in fields(of) if one.name not in beside}
    for one in fields(of):
        if one.name in found and type(found[one.name]).__name__ not in _TYPES[str(one.type)]:
            raise Foreign(f"a row of {kind} has {one.name} {found[one.name]!r:.60}, not {one.type}")
    return found
