# SPDX-License-Identifier: Apache-2.0
"""What the stories of `mcuedit demo` share."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding

from mcuedit._util.typing import BoolArray, Int8Array
from mcuedit.cli._shared.common import table
from mcuedit.cli._shared.terminal import styled
from mcuedit.edits import Edit, EditSet, KeepSet
from mcuedit.emulate.devices.device import Answer

SHOWN = 5  # neighbours with their answers; all of them are compared


@dataclass(frozen=True)
class Case:
    """A repair and what must not change: half of the other facts is kept, the other half is only looked at."""

    edits: EditSet
    keep: KeepSet
    facts: tuple[Edit, ...]
    neighbours: tuple[str, ...]
    shown: tuple[int, ...]
    year: int
    source: str

    @property
    def edit(self) -> Edit:
        return self.edits.edits[0]

    @property
    def question(self) -> str:
        return f"{self.edit.prompts[0]}?"


@dataclass(frozen=True)
class Seen:
    """What a device said: answers and output bytes for the neighbours, and its answer to the question."""

    answer: Answer
    answers: list[Answer]
    outputs: Int8Array


def headline(out: Console, number: int, text: str) -> None:
    out.print(styled("\n", (str(number), "bold cyan"), "  ", (text, "bold")))


def dialogue(out: Console, question: str, answer: str, colour: str) -> None:
    out.print(styled(f"   {question}  ", (answer, f"bold {colour}")))


def show_neighbours(out: Console, case: Case, before: Seen, after: Seen, same: BoolArray) -> None:
    rows = [
        (f"{case.neighbours[i]}?", before.answers[i].label, after.answers[i].label, "same" if same[i] else "differ")
        for i in case.shown
    ]
    columns = ("neighbour", "before", "after", "output bytes")
    out.print(Padding.indent(table("", columns, rows, left=columns), 3))
    out.print(f"   {same.sum()} of {len(same)} such questions: every output byte as before")
