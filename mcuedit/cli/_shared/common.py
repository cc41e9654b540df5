# SPDX-License-Identifier: Apache-2.0
"""What the verbs share: JSON, tables, progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mcuedit._util import visible
from mcuedit.cli._shared.terminal import note as note
from mcuedit.cli._shared.terminal import notes as notes
from mcuedit.cli._shared.terminal import say_json, styled
from mcuedit.cli._shared.terminal import stderr as stderr
from mcuedit.cli._shared.terminal import stdout as stdout


def example(*lines: str) -> str:
    """The epilog of a verb: command lines that work as they stand."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(values: Mapping[str, Any]) -> None:
    """The one JSON object of a verb on stdout: flat, in the order given, numpy scalars as numbers."""
    say_json(json.dumps(values, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return value.tolist()
    return str(value)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: Sequence[str] = ()) -> Table:
    """A plain table: numbers to the right, the columns named in `left` (and the first one) to the left.

    Cells are shown as they are: brackets in them are no markup, and each is one line.
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
        made.add_row(*(Text("" if cell is None else visible.line(str(cell))) for cell in row))
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

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(visible.line(label), total=total)
        yield lambda n: bar.advance(task, n)


@dataclass
class Flight:
    """A bar of things of which several are under way at once.

    Attributes:
        ended: takes the number of those that are over.
        told: takes a line of what is done at the moment.
    """

    ended: Callable[[int], None] = lambda n: None
    told: Callable[[str], None] = lambda text: None


@contextmanager
def flight(label: str, total: int) -> Iterator[Flight]:
    """Such a bar on stderr while the block runs; nothing when stderr is no terminal."""
    console = stderr()
    if not console.is_terminal:
        yield Flight()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    now = TextColumn("{task.fields[now]}", markup=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), now)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(visible.line(label), total=total, now="")
        yield Flight(lambda n: bar.update(task, completed=n), lambda text: bar.update(task, now=visible.line(text)))


@contextmanager
def working(label: str) -> Iterator[None]:
    """A spinner on stderr while the block runs; nothing when stderr is no terminal."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(styled(f"{label} ...")):
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
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), left, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("running the base", total=bound)

        def advance(units: float) -> None:
            bar.update(task, completed=min(bound, bar.tasks[0].completed + units))

        yield lambda text: bar.update(task, description=visible.line(text)), advance
