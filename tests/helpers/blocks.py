# SPDX-License-Identifier: Apache-2.0
"""Blocks of code in documents, and what a comment before one says of it.

`<!-- not run: REASON -->` stands before a block that a test cannot run, `<!-- slow: REASON -->` before one that takes
long, `<!-- needs NAME: REASON -->` before one that runs where the test has a NAME. A console block has commands behind
`$ ` and, after each, lines that its output has, in this order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?:^<!-- ([^\n]*?) -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        line: where it begins, for messages.
        mark: what the comment before it says, or "".
    """

    language: str
    text: str
    line: int
    mark: str

    @property
    def runs(self) -> bool:
        return not self.mark.startswith("not run: ")

    @property
    def needs(self) -> str:
        """What must be there that a test may lack, or ""."""
        found = re.match(r"needs (\w+): ", self.mark)
        return found[1] if found else ""

    @property
    def slow(self) -> bool:
        return self.mark.startswith("slow: ")

    def commands(self) -> list[tuple[str, list[str]]]:
        """Of a console block: each command, and the lines that its output is to have."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() not in ("", "..."):
                found[-1][1].append(line)
        return found


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[2], found[3], text.count("\n", 0, found.start()) + 1, found[1] or "")
        for found in _FENCE.finditer(text)
    ]


def comparable(line: str) -> str:
    """A line without what may differ between machines: blanks, and how long something took."""
    return re.sub(r"\b\d+(\.\d+)? s\b", "# s", " ".join(line.split()))
