# SPDX-License-Identifier: Apache-2.0
"""Figures in Markdown pages: tables between marks, which a command writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError

_END = "<!-- end of figures -->"


def mark(name: str) -> str:
    """The line before the figures of that name."""
    return f"<!-- figures: {name} -->"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def require(page: Path, name: str) -> str:
    """The text of a page that has figures of that name.

    Raises:
        McueditError: it has none, or cannot be read.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise McueditError(f"{page}: {error}", "give a Markdown page") from error
    if mark(name) not in text or _END not in text.partition(mark(name))[2]:
        raise McueditError(f"{page} has no figures of {name}", f"write the lines {mark(name)} and {_END} into it")
    return text


def fill(page: Path, name: str, text: str) -> None:
    """Puts a text where the page has figures of that name.

    Raises:
        McueditError: as `require`, or the page cannot be written.
    """
    before, _, rest = require(page, name).partition(mark(name))
    after = rest.partition(_END)[2]
    atomic.write_file(page, f"{before}{mark(name)}\n{text}\n{_END}{after}".encode())
