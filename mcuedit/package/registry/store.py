# SPDX-License-Identifier: Apache-2.0
"""Registry: every method is one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcuedit import package
from mcuedit._util.errors import McueditError
from mcuedit.package import Package, manifest
from mcuedit.package.registry import export
from mcuedit.package.registry.database import connect, default_path, telling, transaction
from mcuedit.package.registry.records import Deployment, Device, Stored, deployment, device, stored, whole

_PACKAGES = "SELECT p.*, m.json FROM packages p JOIN manifests m ON m.sha256 = p.manifest_sha256"
_DIGEST = re.compile(r"[0-9a-f]{6,64}")
_LAST_COUNTER = (1 << 32) - 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def open_registry(path: str | Path | None = None) -> Iterator[Registry]:
    """The registry at `path`, or the user's; made if there is none.

    Raises:
        McueditError: it cannot be opened.
    """
    registry = Registry(Path(path) if path is not None else default_path())
    try:
        yield registry
    finally:
        registry.close()


class Registry:
    """An open registry, for one thread.

    Args:
        now: the host's time, ISO 8601.
    """

    def __init__(self, path: Path, now: Callable[[], str] = _now) -> None:
        self.path, self._now = path, now
        self._db = connect(path)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def add_package(self, data: bytes, content: bytes) -> Package:
        """Keeps a package and its manifest; twice is as once.

        Raises:
            McueditError: it is malformed, or the manifest is not the one whose hash it carries.
        """
        found = package.parse(data)
        check_manifest(content, found.manifest_sha256)
        adapter = hashlib.sha256(found.adapter).hexdigest()
        with transaction(self._db, self.path) as db:
            db.execute("INSERT OR IGNORE INTO manifests VALUES (?, ?)", (found.manifest_sha256, content))
            db.execute("INSERT OR IGNORE INTO adapters VALUES (?, ?, ?)", (adapter, found.base_sha256, found.adapter))
            row = (found.digest, found.name, found.version, found.counter, found.base_sha256, found.key_sha256)
            db.execute(
                "INSERT OR IGNORE INTO packages (digest, name, version, counter, base_sha256, key_sha256,"
                " manifest_sha256, adapter_sha256, data, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, found.manifest_sha256, adapter, data, self._now()),
            )
            self._raise_counter(found.base_sha256, found.counter)
        return found

    def next_counter(self, base_sha256: str) -> int:
        """The security counter of the next package for a base; nobody else gets the same.

        Raises:
            McueditError: counters are used up.
        """
        with transaction(self._db, self.path) as db:
            row = db.execute("SELECT last FROM counters WHERE base_sha256 = ?", (base_sha256,)).fetchone()
            counter = (row["last"] if row else 0) + 1
            if counter > _LAST_COUNTER:
                raise McueditError(f"security counters of base {base_sha256[:16]} are used up", "make another base")
            self._raise_counter(base_sha256, counter)
        return int(counter)

    def packages(self) -> list[Stored]:
        """Every package, in the order of arrival."""
        return self._stored("", ())

    def find(self, text: str, base_sha256: str | None = None) -> list[Stored]:
        """Packages of a digest (its first 6 digits or more), a name, or name@version; the newest first."""
        name, _, version = text.partition("@")
        found = self._stored("WHERE p.name = ? AND (p.version = ? OR ? = '')", (name, version, version))
        if _DIGEST.fullmatch(text):
            found += self._stored("WHERE p.digest LIKE ? || '%'", (text,))
        return [one for one in reversed(found) if base_sha256 in (None, one.base_sha256)]

    def manifest(self, sha256: str) -> dict[str, Any] | None:
        """What a package's manifest says; None if it is not kept here."""
        kept = self.manifest_bytes(sha256)
        return manifest.read(kept, f"registry {self.path}: manifest {sha256[:16]}") if kept else None

    def manifest_bytes(self, sha256: str) -> bytes:
        """The bytes that the hash is taken of; none if they are not kept here."""
        row = self._one("SELECT json FROM manifests WHERE sha256 = ?", (sha256,))
        if row and hashlib.sha256(row["json"]).hexdigest() != sha256:
            raise McueditError(
                f"registry {self.path}: manifest {sha256[:16]} was altered",
                "import an earlier 'mcuedit registry export'",
            )
        return bytes(row["json"]) if row else b""

    def record(self, found: Deployment, *, address: str = "", base_sha256: str = "") -> None:
        """Appends to a device's history; `address` and `base_sha256` replace what was known unless empty."""
        values = vars(found) | {"at": self._now()}
        with transaction(self._db, self.path) as db:
            self._see(found.device, address, base_sha256)
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            db.execute(f"INSERT INTO deployments ({names}) VALUES ({marks})", list(values.values()))

    def remember_log(self, device: str, sequence: int, chain: str) -> None:
        """Keeps how far a device log was verified: sequence of its next record, and the chain there."""
        with transaction(self._db, self.path) as db:
            self._see(device, "", "")
            db.execute("UPDATE devices SET log_sequence = ?, log_chain = ? WHERE device = ?", (sequence, chain, device))

    def known_log(self, device: str) -> tuple[int, str] | None:
        """What `remember_log` kept last; None if nothing."""
        row = self._one("SELECT log_sequence, log_chain FROM devices WHERE device = ?", (device,))
        return (row["log_sequence"], row["log_chain"]) if row and row["log_sequence"] is not None else None

    def at(self, address: str) -> list[str]:
        """Devices that were seen at an address last, the latest one first."""
        with telling(self.path):
            found = self._db.execute("SELECT device FROM devices WHERE address = ? ORDER BY seen DESC", (address,))
            return [str(row["device"]) for row in found]

    def devices(self) -> list[Device]:
        """Every device, by name, with the last deployment to each of its slots."""
        last: dict[str, dict[int, Deployment]] = {}
        for one in self.history():
            if one.slot is not None:
                last.setdefault(one.device, {})[one.slot] = one
        with telling(self.path):
            rows = self._db.execute("SELECT * FROM devices ORDER BY device").fetchall()
        with whole(self.path):
            return [device(row, last.get(row["device"], {})) for row in rows]

    def history(self, device: str | None = None, digest: str | None = None) -> list[Deployment]:
        """Deployments, the oldest first; of one device or one package if given."""
        query = "SELECT * FROM deployments WHERE (? IS NULL OR device = ?) AND (? IS NULL OR digest = ?) ORDER BY id"
        with telling(self.path), whole(self.path):
            return [deployment(row) for row in self._db.execute(query, (device, device, digest, digest))]

    def export(self) -> Iterator[str]:
        """All of it as JSON lines, of one moment."""
        with transaction(self._db, self.path) as db:
            lines = list(export.lines(db))
        yield from lines

    def load(self, lines: Iterator[str]) -> int:
        """Adds what `export` wrote, all or nothing; what is known stays.

        Returns:
            The number of rows that were new.

        Raises:
            McueditError: a line is none of its, or a package is not what it says.
        """
        with transaction(self._db, self.path) as db:
            return export.read(db, lines)

    def _see(self, device: str, address: str, base_sha256: str) -> None:
        if not device:
            raise McueditError("a device without a name", "give the id that it reports")
        self._db.execute(
            "INSERT INTO devices (device, address, base_sha256, seen) VALUES (?, ?, ?, ?) ON CONFLICT (device) DO"
            " UPDATE SET seen = excluded.seen,"
            " address = CASE excluded.address WHEN '' THEN address ELSE excluded.address END,"
            " base_sha256 = CASE excluded.base_sha256 WHEN '' THEN base_sha256 ELSE excluded.base_sha256 END",
            (device, address, base_sha256, self._now()),
        )

    def _raise_counter(self, base_sha256: str, counter: int) -> None:
        self._db.execute(
            "INSERT INTO counters VALUES (?, ?)"
            " ON CONFLICT (base_sha256) DO UPDATE SET last = max(last, excluded.last)",
            (base_sha256, counter),
        )

    def _stored(self, where: str, values: tuple[object, ...]) -> list[Stored]:
        with telling(self.path), whole(self.path):
            return [stored(row) for row in self._db.execute(f"{_PACKAGES} {where} ORDER BY p.id", values)]

    def _one(self, query: str, values: tuple[object, ...]) -> Any:
        with telling(self.path):
            return self._db.execute(query, values).fetchone()


def check_manifest(content: bytes, sha256: str) -> None:
    """Raises McueditError unless the manifest is one, and has that hash."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise McueditError(
            f"the manifest's hash is {found[:16]}, the package's is {sha256[:16]}", "give the manifest of this package"
        )
    manifest.read(content)
