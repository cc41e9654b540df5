# SPDX-License-Identifier: Apache-2.0
"""A request and its answer over a transport that loses, repeats, delays and reorders messages."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable

from mcuedit.fleet.transport.roundtrip import RoundTrip
from mcuedit.fleet.transport.wire import Wire

_log = logging.getLogger(__name__)

HEADER = 8
_SEQUENCE = 6  # offset of the sequence number in a header
_RESPONSES = (1, 3)  # op of answers to reads and writes
_STRANGERS = 64  # messages that are no SMP before the request is given up
_ALIVE = 3  # how many times longer than a silent device one is waited for that answers earlier requests
_LONGER = 1.5  # times the wait before is the next one
_SLOWEST = 10  # times the timeout is what a transport may take
_FIRST, _LEAST = 4, 20  # of datagrams: the timeout over these is waited before they are sent again
# Copies of a datagram for each try, before silence counts. Where 20 % are lost each way 36 % of all copies stay without
# an answer: of 16 none is answered once in ten million requests, whatever else kept the host from sending them.
_COPIES, _MOST_COPIES = 4, 128
_JITTER = 0.25  # a wait is longer or shorter by up to this share, so that those who wait do not all send at once


class Garbage(Exception):
    """What came is no SMP, or no answer to what was asked."""


class Silent(TimeoutError):
    """No answer came."""


class Unheard(Silent):
    """No answer came to what was sent only once: it may have been carried out."""


class Exchange:
    """Asks over a wire until an answer comes.

    Each try has the next sequence number, and the answer to any of them is the answer. A datagram is sent again soon,
    since those get lost; a line that keeps its order only when the answer is overdue by what earlier ones took.
    Answers that come late or twice are the device's own, too: they show that it is there.

    Args:
        timeout: seconds that an answer may take on a transport that was not measured yet.
        tries: a silent device is given up after so many times the timeout, or what it takes if that is longer; and not
            before it was asked so often, of datagrams four times that.
        clock: seconds; for tests.
        draw: from 0 to 1; for tests.

    Attributes:
        round_trip: of this transport.
        late: answers to earlier requests that came during the last one.
    """

    def __init__(
        self,
        wire: Wire,
        timeout: float,
        tries: int,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._wire, self._timeout, self._tries, self._clock, self._draw = wire, timeout, tries, clock, draw
        self._least = tries if wire.keeps_order else min(_COPIES * tries, _MOST_COPIES)
        first, least = (timeout, timeout) if wire.keeps_order else (timeout / _FIRST, timeout / _LEAST)
        self.round_trip = RoundTrip(first, least, _SLOWEST * timeout)
        self._sequence = os.urandom(1)[0]  # answers to an earlier process are none to this one
        self.late = 0

    async def ask(self, request: bytes, patience: int = 1, *, once: bool = False) -> bytes:
        """The answer to a request.

        Args:
            patience: how many times longer than usual a silent device is waited for.
            once: sent once only, and waited for as long as a try may take.

        Raises:
            Silent: none came; Unheard, if it was sent once.
            Garbage: other things came in its place, again and again.
            OSError: the transport is gone.
        """
        self.late, strangers = 0, 0
        sent: dict[int, float] = {}
        start = heard = self._clock()
        wait, most = self._waits()
        wait = max(wait, self._timeout if once else 0.0)
        while True:
            until = await self._send(request, sent) + self._about(wait)
            while (frame := await self._receive(until)) is not None:
                if not is_answer(frame):
                    strangers += 1
                    if strangers >= _STRANGERS:
                        raise Garbage(f"{strangers} messages that are no SMP")
                elif frame[_SEQUENCE] in sent and matches(request, frame):
                    self.round_trip.took(self._clock() - sent[frame[_SEQUENCE]])
                    return frame
                else:
                    self.late += 1
                    heard = self._clock()
            limit = self._tries * max(self._timeout, self.round_trip.wait) * patience
            now = self._clock()
            over = now - heard >= limit or now - start >= _ALIVE * limit
            if once or (over and len(sent) >= self._least):
                if strangers:
                    raise Garbage(f"{strangers} messages that are no SMP")
                raise (Unheard if once else Silent)(
                    f"no answer within {now - start:.3g} s, asked {len(sent)} times" + self._of_late()
                )
            wait = min(_LONGER * wait, most)
            _log.debug("no answer after %.3g s: sent again", now - start)

    def _waits(self) -> tuple[float, float]:
        """Seconds after which a request is sent again at first, and at most.

        A datagram that others overtake comes when they are sent again, and seems to take as long as one waits. So it is
        the shortest round trip that tells when to send another one.
        """
        wait = self.round_trip.wait
        if self._wire.keeps_order:
            return wait, wait
        most = max(self._timeout / _FIRST, 2 * self.round_trip.shortest)
        return min(wait, max(self._timeout / _LEAST, 4 * self.round_trip.shortest), most), most

    def _about(self, wait: float) -> float:
        """A line is nobody else's, but datagrams meet those of other devices and hosts."""
        return wait if self._wire.keeps_order else wait * (1 + _JITTER * (2 * self._draw() - 1))

    def _of_late(self) -> str:
        return f", {self.late} answers to earlier requests" if self.late else ""

    async def _send(self, request: bytes, sent: dict[int, float]) -> float:
        """Sends a try; when that was."""
        self._sequence = (self._sequence + 1) % 256
        now = sent[self._sequence] = self._clock()
        await self._wire.send(request[:_SEQUENCE] + bytes([self._sequence]) + request[_SEQUENCE + 1 :])
        return now

    async def _receive(self, until: float) -> bytes | None:
        """The next message; None if none comes in time."""
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                return await self._wire.receive()
        except TimeoutError:
            return None


def is_answer(frame: bytes) -> bool:
    """Whether a message is a whole answer of SMP, to whatever request."""
    whole = len(frame) >= HEADER and len(frame) == HEADER + int.from_bytes(frame[2:4], "big")
    return whole and frame[0] & 7 in _RESPONSES


def matches(request: bytes, frame: bytes) -> bool:
    """Whether an answer is one to a request of this operation, group and command."""
    return frame[0] & 7 == (request[0] & 7) + 1 and frame[4:6] == request[4:6] and frame[7] == request[7]
