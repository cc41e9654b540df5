# SPDX-License-Identifier: Apache-2.0
"""Which prompts show what an edit did: its own, other wordings, neighbours, the rest.

But for the edit's own prompts none of them was read by training, be it as a prompt, as locality or as a keep prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcuedit.edits import Edit, EditSet, KeepSet, bag_of_words


@dataclass(frozen=True)
class Questions:
    """Prompts to evaluate one edit with, by role; each role may be empty.

    Attributes:
        edited: the edit's prompts. rephrased: its other wordings, as far as training has not read them.
        neighbourhood: other wordings of facts of its relation whose subject no edit touches and that are not kept.
        unrelated: the same of other relations.
        same_subject: other wordings of the subject's other facts, but for those that training has read.
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
    seen = {bag_of_words(p) for p in keep.prompts}
    if active is not None:
        together = _Active(active, seen)
        return [_of(edit, together, facts, outside) for edit in edits.edits]
    return [_of(edit, _Active([edit], seen), facts, outside) for edit in edits.edits]


class _Active:
    """The edits in force: their subjects, what they ask, and all that training has read."""

    def __init__(self, edits: Sequence[Edit], seen: set[tuple[bytes, ...]]) -> None:
        self.subjects = {_key(e.subject) for e in edits}
        self.edited = {bag_of_words(p) for e in edits for p in e.prompts}
        self._read = seen.union(self.edited, (bag_of_words(p) for e in edits for p in e.locality))

    def unread(self, prompts: Iterable[str]) -> tuple[str, ...]:
        """Those that training has not read, each once."""
        return tuple(dict.fromkeys(p for p in prompts if bag_of_words(p) not in self._read))

    def edits(self, fact: Edit) -> bool:
        """Whether an edit in force asks what the fact answers."""
        return bool(self.edited.intersection(map(bag_of_words, fact.prompts)))


def _of(edit: Edit, active: _Active, facts: Sequence[Edit], outside: Sequence[Edit]) -> Questions:
    relation, own = edit.relation or _relation(edit, facts), _key(edit.subject)
    away = [f for f in outside if _key(f.subject) not in active.subjects]
    return Questions(
        edit.prompts,
        active.unread(edit.rephrase_prompts),
        active.unread(p for f in away if f.relation == relation for p in f.rephrase_prompts),
        active.unread(p for f in away if f.relation != relation for p in f.rephrase_prompts),
        active.unread(p for f in facts if _key(f.subject) == own and not active.edits(f) for p in f.rephrase_prompts),
    )


def _key(subject: str) -> str:
    return subject.strip().casefold()


def _relation(edit: Edit, facts: Sequence[Edit]) -> str:
    """The relation of an edit that names none: that of the fact it changes."""
    asked = set(edit.prompts)
    return next((f.relation for f in facts if asked.intersection(f.prompts)), "")
