# SPDX-License-Identifier: Apache-2.0
"""The file: where it is, its tables, and transactions that survive a killed process and wait for another one."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mcuedit._util import system
from mcuedit._util.errors import McueditError

VERSION = 1
_NAME = "registry.sqlite"
_WAIT = 30.0  # seconds for another process
_SCHEMA = """
CREATE TABLE manifests (sha256 TEXT PRIMARY KEY, json BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE adapters (sha256 TEXT PRIMARY KEY, base_sha256 TEXT NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE packages (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    counter INTEGER NOT NULL,
    base_sha256 TEXT NOT NULL,
    key_sha256 TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL REFERENCES manifests,
    adapter_sha256 TEXT NOT NULL REFERENCES adapters,
    data BLOB NOT NULL,
    added TEXT NOT NULL
);
CREATE INDEX packages_by_name ON packages (name, base_sha256);
CREATE VIEW versions AS SELECT name, base_sha256, version, counter, digest, adapter_sha256, added FROM packages;
CREATE TABLE counters (base_sha256 TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE devices (
    device TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    base_sha256 TEXT NOT NULL,
    seen TEXT NOT NULL,
    log_sequence INTEGER,
    log_chain TEXT
) WITHOUT ROWID;
CREATE TABLE deployments (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL REFERENCES devices,
    slot INTEGER,
    state TEXT NOT NULL,
    digest TEXT,
    counter INTEGER,
    result TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX deployments_by_device ON deployments (device, slot);
"""


def default_path() -> Path:
    """$MCUEDIT_REGISTRY, else registry.sqlite where the system keeps a user's data."""
    given = os.environ.get("MCUEDIT_REGISTRY")
    if given:
        return Path(given)
    return _own() or system.data() / _NAME


def _own() -> Path | None:
    """The one in mcuedit's folder; None if there is no such folder."""
    with suppress(McueditError):
        return system.data() / _NAME
    return None


def connect(path: Path) -> sqlite3.Connection:
    """Opens the registry, and makes it if there is none.

    Raises:
        McueditError: the file cannot be written, is no registry, or is of a later mcuedit.
    """
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _for_its_owner(path)
        connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
    try:
        with telling(path):
            _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _for_its_owner(path: Path) -> None:
    """Has the file be readable by its owner alone, and hence what SQLite puts beside it.

    One that is there already keeps its mode, which its owner may have given it, unless it is in mcuedit's own folder.
    """
    made = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(made).st_mode):  # SQLite would wait for a pipe
            raise McueditError(f"registry {path}: is no file", "MCUEDIT_REGISTRY=FILE names another place")
        if os.name == "posix" and path == _own() and os.fstat(made).st_uid == os.getuid():
            os.fchmod(made, 0o600)
    finally:
        os.close(made)


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """All of the block or nothing of it, and no other writer meanwhile."""
    with telling(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into those that users see."""
    try:
        yield
    except sqlite3.OperationalError as error:
        hint = "MCUEDIT_REGISTRY=FILE names another place"
        if "locked" in str(error):
            hint = "another mcuedit is writing there: try again when it has ended"
        raise McueditError(f"registry {path}: {error}", hint) from error
    except sqlite3.DatabaseError as error:
        raise McueditError(
            f"registry {path}: {error}", "restore it from 'mcuedit registry export', or name another file"
        ) from error
    except OSError as error:
        raise McueditError(
            f"registry {path}: {error.strerror or error}", "MCUEDIT_REGISTRY=FILE names another place"
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    if _version(connection) == 0:
        with transaction(connection, path):
            if _version(connection) == 0:  # else another process was faster
                if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise McueditError(f"{path}: is a database, but no registry", "name another file")
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
    if _version(connection) != VERSION:
        raise McueditError(f"registry {path}: its format {_version(connection)} is unknown", "use a later mcuedit")
    if foreign := _tables(connection) ^ set(map(_plain, filter(str.strip, _SCHEMA.split(";")))):
        what = " ".join(min(foreign).split()[:3])
        raise McueditError(f"registry {path}: its tables are not those of a registry ({what})", "name another file")


def _tables(connection: sqlite3.Connection) -> set[str]:
    """How all tables, views, indices and triggers were made: a file of others may have more than ours."""
    return {_plain(row[0]) for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}


def _plain(statement: str) -> str:
    return " ".join(statement.split())


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers and one writer at once. SQLite does not wait when two processes make this change at the same time."""
    end = time.monotonic() + _WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
