# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of a unicorn core block by block."""

from __future__ import annotations

from typing import Any


class Blocks:
    """A hook for blocks of Thumb code.

    Attributes:
        executed: instructions since the start, skipped ones of IT blocks too, as QEMU counts.
    """

    def __init__(self) -> None:
        self.executed = 0
        self._counts: dict[tuple[int, int], int] = {}

    def enter(self, core: Any, address: int, size: int, data: Any) -> None:
        """Counts a whole block when it is entered.

        A trace point starts a block of its own (it is a function), so all are early by the same few instructions.
        """
        count = self._counts.get((address, size))
        if count is None:
            count = self._counts[address, size] = count_thumb(bytes(core.mem_read(address, size)))
        self.executed += count


def count_thumb(code: bytes) -> int:
    """Instructions in Thumb code: those whose first halfword starts with 0b111 and not 0b11100 are 32 bits wide."""
    at = count = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 > 0b11100 else 2
        count += 1
    return count
