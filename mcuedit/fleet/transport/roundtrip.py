# SPDX-License-Identifier: Apache-2.0
"""How long an answer of a transport takes, by the ones before (RFC 6298)."""

from __future__ import annotations

from collections import deque

_LATEST = 16  # round trips that the shortest one is taken of


class RoundTrip:
    """Smoothed round trip of a transport and its spread, and the wait that follows from them.

    Every try of a request has a sequence number of its own, so that each answer is measured against the try that it
    answers, and answers to requests that were sent again count, too (RFC 6298, section 3, wants the others alone only
    because it cannot tell them apart).

    Args:
        first: seconds to wait before anything was measured.
        least, most: seconds to wait at least, at most, afterwards.
    """

    def __init__(self, first: float, least: float, most: float) -> None:
        self._first, self._least, self._most = first, least, most
        self._smoothed: float | None = None
        self._spread = 0.0
        self._latest: deque[float] = deque(maxlen=_LATEST)

    def took(self, seconds: float) -> None:
        """Takes the round trip of one answer."""
        self._latest.append(seconds)
        if self._smoothed is None:
            self._smoothed, self._spread = seconds, seconds / 2
            return
        self._spread += (abs(self._smoothed - seconds) - self._spread) / 4
        self._smoothed += (seconds - self._smoothed) / 8

    @property
    def wait(self) -> float:
        """Seconds after which an answer is overdue."""
        if self._smoothed is None:
            return self._first
        return min(max(self._least, self._smoothed + 4 * self._spread), self._most)

    @property
    def shortest(self) -> float:
        """Seconds of the shortest of the latest round trips; 0 without any."""
        return min(self._latest, default=0.0)
