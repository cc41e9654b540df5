# SPDX-License-Identifier: Apache-2.0
"""Where output goes, beside messages. Nothing else prints: what came from outside is made visible here.

Text has no markup and no names of emojis: it means what it says. What is to be bold is a rich Text or has a style.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from mcuedit._util import visible
from mcuedit.cli._shared.messages import indented
from mcuedit.cli._shared.streams import json_line

_MOST_NOTES = 20


class _Console(Console):
    """Control sequences come from rich alone: in text they are escaped."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible.text(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible.text(segment.text))


def stdout() -> Console:
    """For data. A console is made at each use, so that a redirected sys.stdout is honoured."""
    return _made(sys.stdout)


def stderr() -> Console:
    """For everything that is not data."""
    return _made(sys.stderr)


def _made(stream: TextIO) -> Console:
    width = None if stream.isatty() else 160  # enough for every table in a pipe or a log
    return _Console(
        stderr=stream is sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=True, width=width
    )


def styled(*parts: str | tuple[str, str]) -> Text:
    """Texts, or texts each with a style, one after the other."""
    return Text.assemble(
        *(visible.text(part) if isinstance(part, str) else (visible.text(part[0]), part[1]) for part in parts)
    )


def say_json(text: str) -> None:
    """JSON as it is; what is to be escaped in it is so by JSON's own escapes."""
    click.echo(json_line(visible.in_json(text)))


def note(text: str) -> None:
    """One line on stderr that the user should see; not an error."""
    stderr().print(f"note: {indented(text)}", style="yellow")


def notes(texts: Iterable[str]) -> None:
    """Several notes; of very many the first ones, and how many more there are."""
    told = list(texts)
    more = len(told) - _MOST_NOTES
    for text in told[:_MOST_NOTES] + ([f"... and {more:,} more"] if more > 0 else []):
        note(text)
