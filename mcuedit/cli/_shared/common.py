# SPDX-License-Identifier: Apache-2.0
"""What the verbs share: where output goes, tables, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcuedit.cli._shared.streams import json_line

_MOST_NOTES = 20


def example(*lines: str) -> str:
    """The epilog of a verb: command lines that work as they stand."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def stdout() -> Console:
    """For data. A console is made at each use, so that a redirected sys.stdout is honoured."""
    return Console(highlight=False, soft_wrap=True, width=_width(sys.stdout))


def stderr() -> Console:
    """For everything that is not data."""
    return Console(stderr=True, highlight=False, soft_wrap=True, width=_width(sys.stderr))


def _width(stream: TextIO) -> int | None:
    """Columns: those of the terminal, or enough for every table in a pipe or a log."""
    return None if stream.isatty() else 160


def note(text: str) -> None:
    """One line on stderr that the user should see; not an error."""
    stderr().print(f"note: {text}", style="yellow", markup=False)


def notes(texts: Iterable[str]) -> None:
    """Several notes; of very many the first ones, and how many more there are."""
    told = list(texts)
    more = len(told) - _MOST_NOTES
    for text in told[:_MOST_NOTES] + ([f"... and {more:,} more"] if more > 0 else []):
        note(text)


def print_json(values: Mapping[str, Any]) -> None:
    """The one JSON object of a verb on stdout: flat, in the order given, numpy scalars as numbers."""
    click.echo(json_line(json.dumps(values, ensure_ascii=False, default=_plain)))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return value.tolist()
    return str(value)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: Sequence[str] = ()) -> Table:
    """A plain table: numbers to the right, the columns named in `left` (and the first one) to the left.

    Cells are shown as they are: brackets in them are no markup.
    """
    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for i, column in enumerate(columns):
        text = i == 0 or column in left
        made.add_column(column, justify="left" if text else "right", overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while the block runs; nothing when stderr is no terminal.

    Yields:
        advance(n): n more of `total` are done.
    """
    console = stderr()
    if not console.is_terminal:
        yield lambda n: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)


@contextmanager
def working(label: str) -> Iterator[None]:
    """A spinner on stderr while the block runs; nothing when stderr is no terminal."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(f"{label} ..."):
        yield


@contextmanager
def searching(bound: float) -> Iterator[tuple[Callable[[str], None], Callable[[float], None]]]:
    """A bar on stderr of what a choice of places may compute while the block runs; nothing without a terminal.

    Yields:
        (say, advance): what is done now, and how many more units of `bound` were used.
    """
    console = stderr()
    if not console.is_terminal:
        yield lambda text: None, lambda units: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    left = TextColumn("{task.remaining:.0f} of {task.total:g} units left")
    columns = (TextColumn("{task.description}"), BarColumn(), left, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("running the base", total=bound)

        def advance(units: float) -> None:
            bar.update(task, completed=min(bound, bar.tasks[0].completed + units))

        yield lambda text: bar.update(task, description=text), advance
