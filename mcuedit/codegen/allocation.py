# SPDX-License-Identifier: Apache-2.0
"""Blocks of memory that live for some ops, packed into one arena."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_ALIGN = 4  # of blocks in the arena: whole words are read where a core can


@dataclass(frozen=True)
class Block:
    """`size` bytes that are in use from op `first` to op `last`."""

    size: int
    first: int
    last: int


def allocate(blocks: Mapping[int, Block], preserve: bool = False) -> dict[int, int]:
    """Offsets of blocks: largest first, each at the lowest offset where nothing that lives at the same time lies.

    Args:
        preserve: all live all the time.
    """
    offsets: dict[int, int] = {}
    for name in sorted(blocks, key=lambda n: (-blocks[n].size, n)):
        offsets[name] = _lowest(blocks, offsets, blocks[name], preserve)
    return offsets


def hole(
    blocks: Mapping[int, Block], offsets: Mapping[int, int], op: int, size: int, end: int, preserve: bool = False
) -> int | None:
    """The lowest offset of `size` bytes that are free while `op` runs and lie before `end`; None: there is none."""
    offset = _lowest(blocks, offsets, Block(size, op, op), preserve)
    return offset if offset + size <= end else None


def _lowest(blocks: Mapping[int, Block], offsets: Mapping[int, int], new: Block, preserve: bool) -> int:
    offset = 0
    for name in sorted(offsets, key=lambda n: offsets[n]):
        other = blocks[name]
        apart = not preserve and (other.last < new.first or new.last < other.first)
        if not apart and offset + new.size > offsets[name]:
            offset = max(offset, -(-(offsets[name] + other.size) // _ALIGN) * _ALIGN)
    return offset
