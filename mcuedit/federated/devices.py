# SPDX-License-Identifier: Apache-2.0
"""Clients that are virtual boards: firmware/apps/client_federated, executed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mcuedit._util import system
from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.boards import board as boards
from mcuedit.emulate import Session, backends, open_session
from mcuedit.emulate.backends.session import expect
from mcuedit.emulate.devices.firmware import build_app
from mcuedit.emulate.devices.virtual import READY
from mcuedit.federated.simulate import Example, Part
from mcuedit.model.bundle import Base


class Devices(Closing):
    """Some clients as firmware on boards of one kind, in the first rounds; use it as a context manager.

    Attributes:
        compared, differing: integers of gradients compared with the twin's, and those that differ.

    Raises:
        McueditError: it cannot be built or started.
    """

    def __init__(
        self, base: Base, start: Delta, count: int, rounds: int, *, emulator: str = backends.DEFAULT, board: str = ""
    ) -> None:
        self.compared = self.differing = 0
        self._rounds = rounds
        self._folder = system.folder()
        self._sessions: list[Session] = []
        try:
            adapter = Adapter("federated", "1.0.0", base.model.sha256, (start,))
            machine = boards.load(board or backends.get(emulator).board)
            built = build_app("client_federated", base, [adapter], machine, Path(self._folder.name))
            for _ in range(count):
                self._sessions.append(open_session(emulator, machine, built.elf))
                expect(self._sessions[-1], READY)
        except BaseException:
            self.close()
            raise

    def watch(self, number: int, parts: Sequence[Part]) -> None:
        """Has a round's clients, as many as there are boards and others every round, computed on them as well."""
        if number >= self._rounds:
            return
        first = number * len(self._sessions)
        chosen = [parts[(first + i) % len(parts)] for i in range(min(len(self._sessions), len(parts)))]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(_gradient, self._sessions, chosen))
        for part, got in zip(chosen, found, strict=False):
            self.compared += got.size
            self.differing += int((got != part.gradient).sum())

    def close(self) -> None:
        """Ends the emulators and removes the build."""
        for session in self._sessions:
            session.close()
        self._folder.cleanup()


def _gradient(session: Session, part: Part) -> IntArray:
    session.write(b"b " + part.delta.b.tobytes().hex().encode() + b"\n")
    expect(session, "ok")
    session.write(b"".join(_fix(example) for example in part.examples))
    for _ in part.examples:
        expect(session, "ok")
    session.write(b"sum\n")
    word, _, late_and_sums = session.read_line().partition(" ")
    if word != "sum":
        raise McueditError(f"the firmware said {word!r} instead of its sums", "")
    raw = bytes.fromhex(late_and_sums.split()[1])
    return np.frombuffer(raw, ">i4").astype(np.int64).reshape(part.delta.b.shape)


def _fix(example: Example) -> bytes:
    return f"fix {example.wanted} {example.prompt}\n".encode()
