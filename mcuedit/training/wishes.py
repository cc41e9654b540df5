# SPDX-License-Identifier: Apache-2.0
"""Edits held against what the base makes of their prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray
from mcuedit.adapter.delta import Delta
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet
from mcuedit.evaluation.acting import Acting
from mcuedit.evaluation.tensors import MeasureTensors
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader


def refuse_one_input(base: Base, edits: EditSet, classes: Sequence[int]) -> None:
    """Refuses two answers for prompts that are one input to the base, though their words differ.

    Raises:
        McueditError: names both edits and prompts.
    """
    first: dict[bytes, tuple[Edit, str, int]] = {}
    for edit, wanted in zip(edits.edits, classes, strict=True):
        for prompt, features in zip(edit.prompts, base.encode(edit.prompts), strict=True):
            other, wording, theirs = first.setdefault(features.tobytes(), (edit, prompt, wanted))
            if theirs != wanted:
                raise McueditError(
                    f"{edits.where(other)} wants {other.target_new!r} for {wording!r}, {edits.where(edit)} wants "
                    f"{edit.target_new!r} for {prompt!r}: to this base both are one input",
                    "take one of the two prompts out",
                )


def part_given(edits: EditSet, has: BoolArray) -> tuple[EditSet, list[Edit]]:
    """What is left to train, and the edits that are there already; `has` bool[edits]."""
    pairs = list(zip(edits.edits, has.tolist(), strict=True))
    return replace(edits, edits=tuple(e for e, known in pairs if not known)), [e for e, known in pairs if known]


def with_prompts(keep: KeepSet, known: Sequence[Edit]) -> KeepSet:
    """A keep set that also holds the prompts of some edits, each edit on a line of its own."""
    held, last = set(keep.prompts), max(keep.lines, default=0)
    more = {p: last + 1 + i for i, e in enumerate(known) for p in e.prompts if p not in held}
    if not more:
        return keep
    return KeepSet((*keep.prompts, *more), (*keep.lines, *more.values()), keep.source, keep.notes)


def acting(reader: Reader, data: TensorSet, deltas: Sequence[Delta], together: Sequence[str] = ()) -> Acting:
    """Whether the edited inputs get what is wanted with some deltas in force; `together` names their adapters."""
    share = MeasureTensors(reader, deltas)(TensorSet(data.x, data.wanted, data.keep[:0])).efficacy
    return Acting(tuple(together), len(data.x), round(share * len(data.x)))


def all_given(data: TensorSet) -> str:
    """The note for tensors that the base does as wanted."""
    return f"{data.source}: the base does what is wanted of all {len(data.x)} inputs: nothing to train"
