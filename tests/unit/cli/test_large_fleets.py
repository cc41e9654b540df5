# SPDX-License-Identifier: Apache-2.0
"""Fleets of which most devices are silent: what they take, and what is said meanwhile.

Ten thousand of them: pytest -m slow -s tests/unit/cli/test_large_fleets.py
"""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from helpers import packages
from helpers.interruptible import MCUEDIT
from helpers.standin import Served, Standin
from helpers.waiting import until

SOON = ("--timeout", "0.5", "--tries", "2")


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@dataclass
class Fleet:
    """Addresses behind which nobody answers, and some devices."""

    folder: Path
    alive: list[str]
    port: int
    said: bytearray = field(default_factory=bytearray)

    def push(self, count: int, *options: str) -> subprocess.Popen[bytes]:
        """To `count` silent devices and those that are there; what it says to a terminal is kept."""
        silent = [f"udp:127.1.{i >> 8}.{i & 255}:{self.port}" for i in range(1, count + 1)]
        lines = (f'[[device]]\nname = "d{i}"\naddress = "{a}"\n' for i, a in enumerate([*self.alive, *silent]))
        (self.folder / "fleet.toml").write_text("".join(lines))
        (self.folder / "fix.mcu").write_bytes(packages.package(counter=3))
        self.results(count).unlink(missing_ok=True)
        arguments = ["push", str(self.folder / "fix.mcu"), "--fleet", str(self.folder / "fleet.toml"), *options]
        arguments += ["--results", str(self.results(count)), "--max-failures", str(count), *SOON]
        self.said.clear()
        ours, theirs = pty.openpty()
        found = subprocess.Popen(
            [*MCUEDIT, *arguments],
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"COLUMNS": "120"},
        )
        os.close(theirs)
        threading.Thread(target=self._listen, args=(ours,), daemon=True).start()
        return found

    def results(self, count: int) -> Path:
        return self.folder / f"{count}.jsonl"

    def lines(self, count: int) -> list[dict[str, str]]:
        """All of them, which are whole."""
        text = self.results(count).read_text()
        assert text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]

    def _listen(self, terminal: int) -> None:
        try:
            while data := os.read(terminal, 1 << 16):
                self.said += data
        except OSError:  # the other end is closed
            pass
        os.close(terminal)


@pytest.fixture
def fleet(tmp_path) -> Iterator[Fleet]:
    with socket.socket(type=socket.SOCK_DGRAM) as plug, Served(*(Standin(name=f"s{i}") for i in range(3))) as alive:
        plug.bind(("0.0.0.0", 0))  # every address of 127.0.0.0/8 is this machine
        yield Fleet(tmp_path, list(alive), plug.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.0/8 is one address elsewhere")
@pytest.mark.parametrize("counts", [(30, 300), pytest.param((1_000, 10_000), marks=pytest.mark.slow)])
def test_ten_times_the_silent_devices_take_ten_times_the_work_and_no_more_memory(fleet, counts, capsys):
    work, memory = [], []
    for count in counts:
        pushing = fleet.push(count, "--jobs", "128", "--json")
        out = pushing.stdout.read()
        _, status, used = os.wait4(pushing.pid, 0)
        pushing.returncode = os.waitstatus_to_exitcode(status)
        told = json.loads(out)
        assert (pushing.returncode, told["tried"], told["stopped"]) == (1, count + 3, "")
        assert (told["count_failed"], told["count_staged"], set(told["reasons"])) == (count, 3, {"unreachable"})
        assert len(fleet.lines(count)) == count + 3
        assert b"asked now" in fleet.said
        work.append(used.ru_utime + used.ru_stime)
        memory.append(used.ru_maxrss / 1024)
    with capsys.disabled():
        pairs = ((f"{n:,} silent: {w:.1f} CPU s, {m:.0f} MB") for n, w, m in zip(counts, work, memory, strict=True))
        print("\n" + "; ".join(pairs))
    assert work[1] < 20 * work[0]
    assert memory[1] < memory[0] + 64


def test_ctrl_c_among_silent_devices_leaves_whole_lines_and_says_how_to_go_on(fleet):
    pushing = fleet.push(300, "--jobs", "16")
    until(lambda: fleet.results(300).exists() and fleet.results(300).read_bytes().count(b"\n") > 20, "20 results")
    os.kill(pushing.pid, signal.SIGINT)
    pushing.communicate()
    assert pushing.returncode == 130
    until(lambda: b"\ninterrupted" in fleet.said, "its last word")
    assert b"no further device is begun; waiting for " in fleet.said
    assert b"run the same with --resume to go on" in b" ".join(fleet.said.split())
    members = [line["member"] for line in fleet.lines(300)]
    assert 20 < len(members) < 300
    assert len(set(members)) == len(members)


def test_what_all_of_them_would_take_is_said_first(fleet):
    pushing = fleet.push(3000, "--jobs", "2")
    until(lambda: b"3,003 devices, 2 at a time, 1 s for one that is silent: 25 minutes if all are" in fleet.said, "it")
    pushing.kill()
    pushing.communicate()
