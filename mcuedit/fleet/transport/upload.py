# SPDX-License-Identifier: Apache-2.0
"""A package onto a device: resumable, at the offsets that the device asks for, and bounded in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mcuedit.fleet.transport.client import Device
from mcuedit.fleet.transport.reasons import BUSY, GARBAGE, SLOW, Refused, TransportError

_BUSY_TRIES = 20  # a device lets an upload that its sender has left give way within 16
_STILL = 8  # answers in a row that bring the upload no further
_RESTARTS = 4  # how often a device may forget what it had


@dataclass(frozen=True)
class Limits:
    """What an upload may take.

    Attributes:
        total: seconds for all of it.
        window, least: of any `window` seconds, at least `least` bytes must get through.
        patience: how many times longer than others the first and the last answer may take: when the device erases, and
            when it verifies.
        clock: seconds; for tests.
    """

    total: float = 600.0
    window: float = 30.0
    least: int = 64
    patience: int = 3
    clock: Callable[[], float] = time.monotonic


def upload(device: Device, package: bytes, limits: Limits | None = None) -> Iterator[int]:
    """Uploads a package; what the device has of it already is not sent again.

    Yields:
        Bytes that the device has.

    Raises:
        TransportError: the transport broke for good, or was too slow; the same call later goes on where this one ended.
        Refused: the device says no, and has nothing of it.
    """
    watch = _Watch(device, len(package), limits or Limits())
    at, first = 0, True
    while first or at < len(package):
        told = _offset(device, package, at, first, watch)
        if told > len(package):
            raise TransportError(GARBAGE, f"{device.address}: wants byte {told} of {len(package)}", "check the address")
        watch.arrived(at, told, first)
        at, first = told, told == 0
        yield at


def _offset(device: Device, package: bytes, at: int, first: bool, watch: _Watch) -> int:
    """Sends one chunk; the offset that the device wants next."""
    for tries in range(_BUSY_TRIES):
        try:
            last = at + len(device.chunk(package, at, first).data) >= len(package)
            patience = watch.limits.patience if first or last else 1
            return int(device.ask(lambda: device.chunk(package, at, first), patience).offset)
        except Refused as refused:
            if refused.reason != BUSY or tries + 1 == _BUSY_TRIES:
                raise
            watch.check(at)
            if not first:  # somebody else's upload is under way, or ours is that of another address of ours
                return 0
    raise AssertionError("no try")


class _Watch:
    """Whether an upload gets on."""

    def __init__(self, device: Device, size: int, limits: Limits) -> None:
        self.limits = limits
        self._device, self._size = device, size
        self._start = self._mark = limits.clock()
        self._marked = self._still = self._restarts = 0

    def arrived(self, before: int, now: int, first: bool) -> None:
        """Takes an answer. A device that lost what it had may say so a few times."""
        self._still = 0 if now > before else self._still + 1
        self._restarts += now < before
        if self._still >= _STILL or self._restarts > _RESTARTS:
            raise self._slow(now, "the device keeps asking for what it was sent")
        if first or now < self._marked:
            self._marked = now
        self.check(now)

    def check(self, now: int) -> None:
        """Raises TransportError if time is up."""
        clock = self.limits.clock()
        if now >= self._size:
            return
        if clock - self._start > self.limits.total:
            raise self._slow(now, f"more than {self.limits.total:g} s")
        if now - self._marked >= self.limits.least:
            self._mark, self._marked = clock, now
        elif clock - self._mark > self.limits.window:
            raise self._slow(now, f"less than {self.limits.least} bytes in {self.limits.window:g} s")

    def _slow(self, now: int, why: str) -> TransportError:
        what = f"{self._device.address}: too slow: {why}; it has {now} of {self._size} bytes"
        return TransportError(SLOW, what, "push again to go on from there")
