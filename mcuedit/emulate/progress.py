# SPDX-License-Identifier: Apache-2.0
"""Time limits that count what a device got done: processor time, of which a starved machine gives it little.

A limit by the wall clock says of a busy machine that the device hangs.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Self

Clock = Callable[[], float]

ASLEEP = 10  # what sleeps uses no processor time: so many times its limit by the wall clock end it, too
_LOOK = 0.1  # seconds between two looks at what runs


def thread_clock() -> Clock:
    """Processor seconds of the thread that calls this, for any thread to read; of the process where no system can."""
    clock_id = getattr(time, "pthread_getcpuclockid", None)
    if clock_id is None:  # macOS, Windows
        return time.process_time
    clock = clock_id(threading.get_ident())
    return lambda: time.clock_gettime(clock)


def process_clock(pid: int) -> Clock:
    """Processor seconds of a process of this machine; of the wall clock where no system tells."""
    try:
        find, clock = ctypes.CDLL(None).clock_getcpuclockid, ctypes.c_int()
    except (AttributeError, TypeError, OSError):  # macOS, Windows
        return time.monotonic
    if find(pid, ctypes.byref(clock)) != 0:
        return time.monotonic
    return lambda: time.clock_gettime(clock.value)


class Patience:
    """How long something may go on without a sign of life.

    Args:
        seconds: of `clock`.
        clock: what it may use up.
        asleep: seconds of the wall clock, for what may sleep and then uses up nothing.
    """

    def __init__(self, seconds: float, clock: Clock, asleep: float = math.inf) -> None:
        self._seconds, self._clock, self._asleep = seconds, clock, asleep
        self.renew()

    def renew(self) -> None:
        """There was a sign of life."""
        self._since, self._began = self._clock(), time.monotonic()

    @property
    def over(self) -> bool:
        """Whether there was none for too long."""
        used, passed = self._clock() - self._since, time.monotonic() - self._began
        return used >= self._seconds or passed >= self._asleep


class Watchdog:
    """Ends what the current thread does in a `with` when it makes no progress; may be entered again and again.

    Args:
        seconds: of the thread's processor time.
        progress: a number that changes with every sign of life.
        end: is called in another thread, until the context is left, and never after.

    Attributes:
        expired: whether `end` was called.
    """

    def __init__(self, seconds: float, progress: Callable[[], int], end: Callable[[], None]) -> None:
        self._seconds, self._progress, self._end = seconds, progress, end
        self.expired = False

    def __enter__(self) -> Self:
        self.expired = False
        self._seen = self._progress()
        self._patience = Patience(self._seconds, thread_clock())
        _guard.watch(self)
        return self

    def __exit__(self, *_: object) -> None:
        _guard.forget(self)

    def look(self) -> None:
        """Is called in the other thread, now and then."""
        seen = self._progress()
        if seen != self._seen:
            self._seen = seen
            self._patience.renew()
        elif self._patience.over:
            self.expired = True
            self._end()


class _Guard:
    """One thread for all watchdogs, since one for each run costs more than many runs take."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: set[Watchdog] = set()
        self._thread: threading.Thread | None = None

    def watch(self, dog: Watchdog) -> None:
        with self._changed:
            self._watched.add(dog)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="mcuedit watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self, dog: Watchdog) -> None:
        with self._changed:  # hence no look at it goes on when this returns
            self._watched.discard(dog)

    def _look(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._watched))
                for dog in self._watched:
                    dog.look()
            time.sleep(_LOOK)


_guard = _Guard()


def _after_fork() -> None:
    """A child of this process has neither the thread nor what it watched."""
    global _guard
    _guard = _Guard()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
