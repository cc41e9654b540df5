# SPDX-License-Identifier: Apache-2.0
"""A link of datagrams as bad as told, by a seed: between a host and a device, both ways."""

from __future__ import annotations

import select
import socket
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

import numpy as np

BUFFER = 65536
KINDS = ("lost", "repeated", "reordered")


@dataclass
class Way:
    """One direction.

    Attributes:
        kinds: of what goes wrong: "lost", "repeated", "reordered".
        held: datagrams that are kept back, each with how many others are still to pass it.
        count: of each kind, and how many were "sent".
    """

    rng: np.random.Generator
    share: float
    longest: int
    kinds: tuple[str, ...] = KINDS
    held: list[tuple[int, bytes]] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)

    def through(self, data: bytes) -> list[bytes]:
        """What arrives now that this was sent."""
        self.count["sent"] += 1
        self.held = [(left - 1, kept) for left, kept in self.held]
        out = [kept for left, kept in self.held if left <= 0]
        self.held = [(left, kept) for left, kept in self.held if left > 0]
        for _ in range(1 + self._happens("repeated")):
            if self._happens("lost"):
                continue
            if self._happens("reordered"):
                self.held.append((int(self.rng.integers(1, self.longest + 1)), data))
            else:
                out.insert(0, data)
        return out

    def _happens(self, what: str) -> bool:
        happens = what in self.kinds and bool(self.rng.random() < self.share)
        self.count[what] += happens
        return happens


class Lossy:
    """Forwards datagrams to 127.0.0.1:`port` and the answers back, while the block runs.

    Args:
        share: of the datagrams, each way, that are lost; of those that come twice; of those that others overtake.
        longest: how many others a datagram is overtaken by at most. No clock is in it: what is held back comes when
            others have passed.
    """

    def __init__(
        self, port: int, seed: int, share: float = 0.3, longest: int = 4, kinds: tuple[str, ...] = KINDS
    ) -> None:
        rngs = np.random.default_rng(seed).spawn(2)
        self.to, self.back = (Way(rng, share, longest, kinds) for rng in rngs)
        self._device = ("127.0.0.1", port)
        self._host: tuple[str, int] | None = None
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self._front, self._behind = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        for plug in (self._front, self._behind):
            plug.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for plug in (self._front, self._behind):
            plug.close()

    @property
    def address(self) -> str:
        """Where the host finds the device."""
        return f"udp:127.0.0.1:{self._front.getsockname()[1]}"

    def _run(self) -> None:
        while not self._stop.is_set():
            for plug in select.select([self._front, self._behind], [], [], 0.05)[0]:
                try:
                    data, peer = plug.recvfrom(BUFFER)
                except ConnectionError:  # the device is not there just now
                    continue
                if plug is self._front:
                    self._host = peer
                    for out in self.to.through(data):
                        self._behind.sendto(out, self._device)
                elif self._host:
                    for out in self.back.through(data):
                        self._front.sendto(out, self._host)
