# SPDX-License-Identifier: Apache-2.0
"""What became of each device: one JSON object in a line, on disk before the next device is thought of."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mcuedit._util import bounded
from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError
from mcuedit.fleet.deliver import Outcome, State


class _Line(BaseModel):
    """What of a line counts when a campaign goes on."""

    model_config = ConfigDict(extra="ignore", strict=True)
    package: str
    member: str
    state: str


class Results(Closing):
    """A file that is only appended to; threads may share it.

    Args:
        digest: of the package; lines about others stay, and count for nothing.
        resume: go on with a file that has lines; else such a file is an error.

    Raises:
        McueditError: it cannot be read or written, or is no such file.
    """

    def __init__(self, path: Path, digest: str, *, resume: bool) -> None:
        self._path, self._digest, self._lock = path, digest, threading.Lock()
        try:
            old = bounded.read(path, bounded.RESULTS, "choose another file") if path.exists() else b""
            if old and not resume:
                raise McueditError(f"{path}: has results already", "pass --resume to go on, or choose another file")
            self.last = dict(self._read(old))
            self._file = bounded.opened(path, "ab")
            if old and not old.endswith(b"\n"):  # killed within a line
                self._file.write(b"\n")
        except OSError as error:
            raise self._cannot(error) from error

    def close(self) -> None:
        self._file.close()

    def put(self, member: str, stage: str, outcome: Outcome) -> None:
        """Appends a line and waits until it is on disk."""
        told = {
            "member": member,
            "stage": stage,
            "package": self._digest,
            "at": datetime.now(UTC).isoformat("T", "seconds"),
        }
        line = json.dumps(told | asdict(outcome), ensure_ascii=False) + "\n"
        try:
            with self._lock:
                self._file.write(line.encode())
                self._file.flush()
                os.fsync(self._file.fileno())
                self.last[member] = outcome.state
        except OSError as error:
            raise self._cannot(error) from error

    def _read(self, data: bytes) -> Iterator[tuple[str, State]]:
        """Member and state of each line about this package; the last line may be cut short."""
        lines = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                told = _Line.model_validate_json(line)
                if told.package == self._digest:
                    yield told.member, State(told.state)
            except ValueError as error:
                if not line.strip() or line.startswith(b'{"member"'):  # nothing, or the start of a line
                    continue
                raise McueditError(f"{self._path}: line {number} is no result", "choose another file") from error

    def _cannot(self, error: OSError) -> McueditError:
        return McueditError(f"{self._path}: {error.strerror or error}", "choose a place you may write to")
