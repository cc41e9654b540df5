# SPDX-License-Identifier: Apache-2.0
"""Checks that need no model: contradictions, repetitions, overlaps."""

from __future__ import annotations

from dataclasses import replace

from mcuedit._util.errors import McueditError
from mcuedit.edits.sets import Edit, EditSet, KeepSet, bag_of_words
from mcuedit.edits.wordings import check_kept_wordings, check_wordings


def check_edits(edits: EditSet) -> EditSet:
    """Refuses edits that cannot all hold or cannot be meant, and drops repetitions with a note.

    Raises:
        McueditError: one prompt is to have two answers, an edit's own prompt is in its locality list, no prompt of an
            edit names its subject, or a template was not filled in.
    """
    check_wordings(edits)
    asked: dict[tuple[bytes, ...], tuple[Edit, str]] = {}
    kept: list[Edit] = []
    notes = list(edits.notes)
    for edit in edits.edits:
        keep = {bag_of_words(p) for p in edit.locality}
        fresh = False
        for prompt in edit.prompts:
            bag = bag_of_words(prompt)
            if bag in keep:
                raise McueditError(
                    f"{edits.where(edit)}: {prompt!r} is both to be edited and in the locality list",
                    "take it out of locality",
                )
            other, wording = asked.setdefault(bag, (edit, prompt))
            fresh |= other is edit
            if _differ(other, edit):
                raise McueditError(
                    f"{edits.where(other)} wants {other.target_new!r} for {wording!r}, "
                    f"{edits.where(edit)} wants {edit.target_new!r} for {prompt!r}",
                    "one input has one answer: take one of the two out",
                )
        if fresh:
            kept.append(edit)
        else:
            notes.append(f"{edits.where(edit)}: repeats an earlier edit and is dropped")
    return replace(edits, edits=tuple(kept), notes=tuple(notes))


def _differ(one: Edit, other: Edit) -> bool:
    """Whether two answers differ for sure; what a label and a number have to do with each other, the base knows."""
    if (one.target_class is None) != (other.target_class is None):
        return False
    return one.target_class != other.target_class or one.target_new.casefold() != other.target_new.casefold()


def check_keep(keep: KeepSet, edits: EditSet) -> KeepSet:
    """Drops the edited prompts from a keep set, with a note: what is to change cannot also stay.

    Raises:
        McueditError: nothing is left, or a template was not filled in.
    """
    check_kept_wordings(keep)
    edited = {bag_of_words(p) for edit in edits.edits for p in edit.prompts}
    kept = [(p, line) for p, line in zip(keep.prompts, keep.lines, strict=True) if bag_of_words(p) not in edited]
    dropped = len(keep.prompts) - len(kept)
    if not kept:
        raise McueditError(
            f"{keep.source}: an empty keep set ({dropped} of its prompts are edited)",
            "list other prompts, whose answers must not change",
        )
    if not dropped:
        return keep
    word = "prompt is" if dropped == 1 else "prompts are"
    prompts, lines = zip(*kept, strict=True)
    note = f"{keep.source}: {dropped} edited {word} not kept"
    return replace(keep, prompts=prompts, lines=lines, notes=(*keep.notes, note))


def already_given(edits: EditSet, edit: Edit) -> str:
    """The note for an edit that the base answers as wanted."""
    return (
        f"{edits.where(edit)}: the base answers {edit.prompts[0]!r} with {edit.target_new!r} already: nothing to train"
    )
