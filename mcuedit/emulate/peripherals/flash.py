# SPDX-License-Identifier: Apache-2.0
"""Flash that outlives a device: what is in it, what it refuses, and where its power is cut."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.boards.memory import Geometry, Region

_ERASED = 0xFF
MOMENTS = ("before", "torn", "after")


class Misuse(Exception):
    """Firmware did what the part does not allow or does not do."""


@dataclass(frozen=True)
class Cut:
    """Power fails at an operation: the program of a unit, or the erase of a page.

    Attributes:
        operation: counted from 0 on, from when the cut is set.
        moment: one of MOMENTS. Torn: `share` of the unit's bytes are programmed, of the page's bytes erased, the first
            ones; the others are as they were.
    """

    operation: int
    moment: str
    share: float = 0.5


@dataclass
class Flash:
    """The range of a board's flash that firmware writes: journal and slots.

    Attributes:
        first_page: number of its first page, as the controller counts.
        content: its bytes. A test may change them while no device runs.
        used: one flag for each unit: programmed since its page was last erased as a whole.
        erases: of each page, so far.
        operations: begun so far.
        powered: False after a cut, until `power_on`.
    """

    region: Region
    geometry: Geometry
    first_page: int
    content: bytearray = field(default_factory=bytearray)
    used: bytearray = field(default_factory=bytearray)
    erases: list[int] = field(default_factory=list)
    operations: int = 0
    powered: bool = True
    _cut: Cut | None = None
    _cut_at: int = 0

    @classmethod
    def of(cls, board: Board) -> Flash:
        """The erased flash of a board.

        Raises:
            McueditError: its firmware writes none.
        """
        geometry = board.geometry
        if geometry is None or geometry.region is None or geometry.driver is None:
            raise McueditError(f"firmware of board {board.name} writes no flash", "board.toml says: [flash], driver")
        first = (geometry.region.origin - board.flash.origin) // geometry.erase_page
        flash = cls(geometry.region, geometry, first)
        flash.content = bytearray([_ERASED]) * geometry.region.length
        flash.used = bytearray(geometry.region.length // geometry.program_unit)
        flash.erases = [0] * (geometry.region.length // geometry.erase_page)
        return flash

    def cut(self, cut: Cut | None) -> None:
        """Sets where power fails next; None: nowhere."""
        self._cut, self._cut_at = cut, self.operations + (cut.operation if cut else 0)

    def power_on(self) -> None:
        """After a cut, which is done with then."""
        self.powered, self._cut = True, None

    def program(self, offset: int, data: bytes) -> None:
        """One unit.

        Raises:
            Misuse: not a whole unit, or one that is not erased.
        """
        unit = self.geometry.program_unit
        if not self.powered:
            return
        if offset % unit or len(data) != unit or not 0 <= offset < self.region.length:
            raise Misuse(f"{len(data)} bytes at {offset:#x} are no unit of {unit}")
        if self.used[offset // unit]:
            raise Misuse(f"the unit at {offset:#x} was programmed before and not erased since")
        done = self._begin(unit)
        if done:
            self.used[offset // unit] = 1
            self.content[offset : offset + done] = data[:done]

    def erase(self, offset: int) -> None:
        """One page.

        Raises:
            Misuse: no page begins there.
        """
        page = self.geometry.erase_page
        if not self.powered:
            return
        if offset % page or not 0 <= offset < self.region.length:
            raise Misuse(f"no page to erase begins at {offset:#x}")
        done = self._begin(page)
        if done:
            self.erases[offset // page] += 1
            self.content[offset : offset + done] = bytes([_ERASED]) * done
        if done == page:
            unit = self.geometry.program_unit
            self.used[offset // unit : (offset + page) // unit] = bytes(page // unit)

    def _begin(self, size: int) -> int:
        """How many of `size` bytes the next operation gets to."""
        self.operations += 1
        if self._cut is None or self.operations <= self._cut_at:
            return size
        self.powered = False
        return {"before": 0, "torn": min(max(1, int(size * self._cut.share)), size - 1), "after": size}[
            self._cut.moment
        ]
