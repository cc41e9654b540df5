# SPDX-License-Identifier: Apache-2.0
"""Waiting in tests: for a state of things, with a limit that only what hangs meets, however busy the machine is."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

WAIT = 300.0  # seconds for what takes one or two on an idle machine


def until(holds: Callable[[], bool], what: str) -> None:
    """Waits.

    Raises:
        AssertionError: `what` did not come about.
    """
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def processor_time() -> float:
    """Seconds that this process and the children that have ended computed: what to compare instead of time passed."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
