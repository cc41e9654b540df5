# SPDX-License-Identifier: Apache-2.0
"""The registry as JSON lines: one row a line, its table under `kind`, bytes in base64."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from mcuedit import package
from mcuedit._util.errors import McueditError

# By table: what makes two rows the same. In an order in which every row comes after those that it names.
_KEYS = {
    "manifests": ("sha256",),
    "adapters": ("sha256",),
    "packages": ("digest",),
    "counters": ("base_sha256",),
    "devices": ("device",),
    "deployments": ("device", "slot", "state", "digest", "counter", "result", "at"),
}


def lines(db: sqlite3.Connection) -> Iterator[str]:
    """Every row."""
    for kind in _KEYS:
        order = "id" if "id" in _columns(db, kind) else _KEYS[kind][0]
        for row in db.execute(f"SELECT * FROM {kind} ORDER BY {order}"):
            values = {name: _text(row[name]) for name in row.keys() if name != "id"}  # noqa: SIM118
            yield json.dumps({"kind": kind, **values}, ensure_ascii=False)


def read(db: sqlite3.Connection, given: Iterable[str]) -> int:
    """Inserts rows that are not there yet.

    Returns:
        How many were new.

    Raises:
        McueditError: names the line.
    """
    new = 0
    for number, line in enumerate(given, 1):
        if not line.strip():
            continue
        try:
            kind, values = _row(db, line)
            _check(kind, values)
            new += _insert(db, kind, values)
        except (ValueError, KeyError, TypeError, AttributeError, sqlite3.Error, McueditError) as error:
            why = error.message if isinstance(error, McueditError) else str(error)
            raise McueditError(
                f"line {number}: no row of a registry ({why})", "import what 'mcuedit registry export' wrote"
            ) from error
    return new


def _row(db: sqlite3.Connection, line: str) -> tuple[str, dict[str, Any]]:
    values = json.loads(line)
    kind = values.pop("kind")
    columns = _columns(db, kind) if kind in _KEYS else []
    if set(values) != set(columns) - {"id"}:
        raise ValueError(f"kind {kind!r} with {', '.join(sorted(values)) or 'nothing'}")
    for name in values.keys() & {"data", "json"}:
        values[name] = base64.b64decode(values[name], validate=True)
    return kind, values


def _check(kind: str, values: dict[str, Any]) -> None:
    """Content must be what its hash says, whoever wrote the line."""
    content: bytes = values.get("json") or values.get("data") or b""
    if kind in ("manifests", "adapters") and hashlib.sha256(content).hexdigest() != values["sha256"]:
        raise ValueError(f"the content is not that of {values['sha256'][:16]}")
    if kind == "manifests" and not isinstance(json.loads(content), dict):
        raise ValueError("the manifest is no object")
    if kind == "packages":
        found = package.parse(content)
        said = {name: values[name] for name in values.keys() & vars(found).keys()}
        adapter = hashlib.sha256(found.adapter).hexdigest()
        if said != {name: getattr(found, name) for name in said} or values["adapter_sha256"] != adapter:
            raise ValueError(f"the package is not {values['name']} {values['version']}")


def _insert(db: sqlite3.Connection, kind: str, values: dict[str, Any]) -> int:
    same = " AND ".join(f"{name} IS ?" for name in _KEYS[kind])
    known = db.execute(f"SELECT 1 FROM {kind} WHERE {same}", [values[name] for name in _KEYS[kind]]).fetchone()
    if known and kind == "counters":
        db.execute(
            "UPDATE counters SET last = max(last, ?) WHERE base_sha256 = ?", (values["last"], values["base_sha256"])
        )
    if known:
        return 0
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    db.execute(f"INSERT INTO {kind} ({names}) VALUES ({marks})", list(values.values()))
    return 1


def _columns(db: sqlite3.Connection, kind: str) -> list[str]:
    return [row["name"] for row in db.execute(f"PRAGMA table_info({kind})")]


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
