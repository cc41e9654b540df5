# SPDX-License-Identifier: Apache-2.0
"""The registry as JSON lines: one row a line, its table under `kind`, bytes in base64."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

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
        McueditError: names every line that is no row, or the first one that goes with no other.
    """
    from pydantic import ValidationError

    from mcuedit._util import schema
    from mcuedit.package.registry.form import LINE

    new, faults = 0, schema.Faults("import what 'mcuedit registry export' wrote")
    for number, line in enumerate(given, 1):
        if not line.strip():
            continue
        try:
            row = LINE.validate_json(line)
            if not faults.count:
                new += _insert(db, row.kind, row.values)
        except (ValueError, sqlite3.Error) as error:
            why = schema.told(error) if isinstance(error, ValidationError) else error
            faults.add(f"line {number}", f"no row of a registry ({why})")
    faults.raise_any()
    return new


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
