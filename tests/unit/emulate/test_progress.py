# SPDX-License-Identifier: Apache-2.0
"""Time limits that count what was done, not how long a busy machine took."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from mcuedit.emulate import progress
from mcuedit.emulate.progress import Patience, Watchdog, process_clock, thread_clock


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(progress.time, "monotonic", hand)
    return hand


def test_what_gets_no_processor_time_is_waited_for(wall: Hand) -> None:
    clock = Hand()
    patience = Patience(2.0, clock)
    wall.now, clock.now = 1e6, 1.9
    assert not patience.over
    clock.now = 2.0
    assert patience.over


def test_what_sleeps_is_not_waited_for_for_ever(wall: Hand) -> None:
    patience = Patience(2.0, Hand(), asleep=20.0)
    wall.now = 19.0
    assert not patience.over
    wall.now = 20.0
    assert patience.over
    patience.renew()
    assert not patience.over


def test_the_clock_of_a_thread_stands_still_while_it_sleeps() -> None:
    clock = thread_clock()
    began = clock()
    time.sleep(0.3)
    assert clock() - began < 0.1
    while clock() - began < 0.1:
        pass


def test_the_clock_of_a_process_stands_still_while_it_sleeps() -> None:
    code = "import sys\nsum(range(10**6)); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        clock = process_clock(process.pid)
        used = clock()
        assert used > 0
        time.sleep(0.3)
        assert clock() - used < 0.1
        process.communicate(b"")


def test_a_watchdog_ends_what_computes_without_progress() -> None:
    ended = threading.Event()
    dog = Watchdog(0.05, lambda: 0, ended.set)
    for _ in range(2):
        with dog:
            while not ended.is_set():
                pass
        assert dog.expired
        ended.clear()


def test_a_watchdog_leaves_alone_what_makes_progress() -> None:
    done, clock = 0, thread_clock()
    began = clock()
    with Watchdog(0.3, lambda: done, lambda: None) as dog:
        while clock() - began < 1.0:
            done += 1
    assert not dog.expired
