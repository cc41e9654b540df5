# SPDX-License-Identifier: Apache-2.0
"""Which prompts show what an edit did: its own, other wordings, neighbours, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcuedit.edits import Edit, EditSet, KeepSet, bag_of_words


@dataclass(frozen=True)
class Questions:
    """Prompts to evaluate one edit with, by role; each role may be empty.

    Attributes:
        edited: the edit's prompts. rephrased: its other wordings.
        neighbourhood: other wordings of facts of its relation whose subject no edit touches and that are not kept.
        unrelated: the same of other relations.
        same_subject: prompts and other wordings of the subject's other facts, and the edit's locality list.
    """

    edited: tuple[str, ...]
    rephrased: tuple[str, ...]
    neighbourhood: tuple[str, ...]
    unrelated: tuple[str, ...]
    same_subject: tuple[str, ...]

    @property
    def unedited(self) -> tuple[str, ...]:
        """All prompts whose answers are to stay."""
        return self.neighbourhood + self.unrelated + self.same_subject


def ask(edits: EditSet, keep: KeepSet, facts: Sequence[Edit], active: Sequence[Edit] | None = None) -> list[Questions]:
    """Questions for each edit.

    Args:
        facts: all that the base knows, from facts.jsonl; may be empty.
        active: the edits in force together; None: each edit is alone.
    """
    kept = set(keep.prompts)
    outside = [f for f in facts if not kept.intersection(f.prompts)]
    return [_of(edit, list(active) if active is not None else [edit], facts, outside) for edit in edits.edits]


def _of(edit: Edit, active: list[Edit], facts: Sequence[Edit], outside: Sequence[Edit]) -> Questions:
    subjects = {_key(other.subject) for other in active}
    edited = {bag_of_words(p) for other in active for p in other.prompts}
    relation = edit.relation or _relation(edit, facts)
    away = [f for f in outside if _key(f.subject) not in subjects]
    same = [
        p
        for f in facts
        if _key(f.subject) == _key(edit.subject) and not edited.intersection(map(bag_of_words, f.prompts))
        for p in (*f.prompts, *f.rephrase_prompts)
    ]
    return Questions(
        edit.prompts,
        edit.rephrase_prompts,
        tuple(p for f in away if f.relation == relation for p in f.rephrase_prompts),
        tuple(p for f in away if f.relation != relation for p in f.rephrase_prompts),
        tuple(dict.fromkeys([*same, *(p for p in edit.locality if bag_of_words(p) not in edited)])),
    )


def _key(subject: str) -> str:
    return subject.strip().casefold()


def _relation(edit: Edit, facts: Sequence[Edit]) -> str:
    """The relation of an edit that names none: that of the fact it changes."""
    asked = set(edit.prompts)
    return next((f.relation for f in facts if asked.intersection(f.prompts)), "")
