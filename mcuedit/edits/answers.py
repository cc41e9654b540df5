# SPDX-License-Identifier: Apache-2.0
"""Answers to classes. A new name takes a spare slot; a probable typo does not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from functools import partial

from mcuedit._util.errors import McueditError
from mcuedit.edits.sets import Edit, EditSet, bag_of_words

_SPARE = re.compile(r"<spare \d+>")
_TYPO = 0.85  # similarity from which an unknown answer is taken for a misspelt label
_TYPO_SWAPPED = 0.7  # the same for one made of the same letters, which the ratio undervalues
_LABEL_BYTES = 255  # SPEC.md, section 3
_SHOWN = 40  # characters of an answer in a message


@dataclass(frozen=True)
class Answers:
    """Classes of the edits' new answers.

    Attributes:
        classes: one per edit.
        labels: names to be given to spare slots, those of `taken` included.
        notes: one for each name that is new.
    """

    classes: tuple[int, ...]
    labels: dict[int, str]
    notes: tuple[str, ...] = ()


def is_spare(label: str) -> bool:
    """Whether a label of a base marks a slot for names to come."""
    return _SPARE.fullmatch(label) is not None


def resolve_answers(
    edits: EditSet,
    labels: Sequence[str] | None,
    n_classes: int,
    *,
    taken: Mapping[int, str] | None = None,
    new_labels: bool = False,
) -> Answers:
    """Finds the class of every edit's new answer.

    A JSON integer is the number of a class; of a base without labels every answer is. Any other answer is a label as it
    is written (that of a spare slot too), or else up to case. One that is no label is a new name and takes the next
    free spare slot, unless it looks like a misspelt label: then it is refused, with the suggestion.

    Args:
        labels: of the base, one per class, or None.
        taken: names that an adapter in use has given to spare slots already.
        new_labels: the user vouches for the spelling of new names.

    Raises:
        McueditError: names the edit, the closest labels and the number of free slots.
    """
    named = {edit.target_new for edit in edits.edits}
    book = _Book(labels or (), dict(taken or {}), new_labels, named)
    classes = []
    for edit in edits.edits:
        by_number = labels is None or edit.target_class is not None
        find = partial(_number, edit.target_new, n_classes) if by_number else partial(book.find, edit.target_new)
        classes.append(find(where=edits.where(edit)))
    _refuse_two_answers(edits, classes)
    return Answers(tuple(classes), book.given if labels is not None else {}, tuple(book.notes))


def _refuse_two_answers(edits: EditSet, classes: Sequence[int]) -> None:
    """What `check_edits` cannot see: a label and a number that are different classes."""
    asked: dict[tuple[bytes, ...], tuple[Edit, int]] = {}
    for edit, wanted in zip(edits.edits, classes, strict=True):
        for prompt in edit.prompts:
            other, before = asked.setdefault(bag_of_words(prompt), (edit, wanted))
            if before != wanted and (other.target_class is None) != (edit.target_class is None):
                raise McueditError(
                    f"{edits.where(other)} wants class {before}, {edits.where(edit)} class {wanted} for {prompt!r}",
                    "one input has one answer: take one of the two out",
                )


def _number(text: str, n_classes: int, where: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) >= n_classes:
        raise McueditError(
            f"{where}: answer {text[:_SHOWN]!r} is no class number (0..{n_classes - 1})",
            "a JSON integer is a class number; a label is a JSON string, of a base with labels.txt",
        )
    return int(text)


class _Book:
    """Labels of a base and the names given to its spare slots so far."""

    def __init__(self, labels: Sequence[str], given: dict[int, str], new_labels: bool, named: set[str]) -> None:
        self.given = given
        self.notes: list[str] = []
        self._new_labels = new_labels
        self._exact = {text: i for i, text in enumerate(labels) if i not in given}
        self._exact |= {text: i for i, text in given.items()}
        self._folded: dict[str, list[int]] = {}
        for text, i in self._exact.items():
            self._folded.setdefault(text.casefold(), []).append(i)
        self._known = tuple(text for text in self._exact if not is_spare(text))
        self._free = [i for i, text in enumerate(labels) if is_spare(text) and i not in given and text not in named]

    def find(self, answer: str, where: str) -> int:
        if answer in self._exact:
            return self._exact[answer]
        same = self._folded.get(answer.casefold(), [])
        if len(same) == 1:
            return same[0]
        if same:
            raise McueditError(f"{where}: {answer!r} fits {len(same)} labels up to case", "write it as in labels.txt")
        return self._new(answer, where)

    def _new(self, answer: str, where: str) -> int:
        close = get_close_matches(answer.casefold(), [k.casefold() for k in self._known], 3, 0.5)
        close = [next(k for k in self._known if k.casefold() == c) for c in close]
        slots = f"{len(self._free)} spare {'slot is' if len(self._free) == 1 else 'slots are'} free"
        if is_spare(answer) or len(answer.encode()) > _LABEL_BYTES:
            raise McueditError(
                f"{where}: {answer[:_SHOWN]!r} cannot be a label", "write the new name, at most 255 bytes"
            )
        if close and not self._new_labels and _looks_misspelt(answer.casefold(), close[0].casefold()):
            raise McueditError(
                f"{where}: answer {answer!r} is no label; did you mean {_listed(close)}?",
                f"correct it, or pass --new-labels if it is a new name ({slots})",
            )
        if not self._free:
            nearest = f"; the closest labels are {_listed(close)}" if close else ""
            raise McueditError(f"{where}: answer {answer!r} is no label{nearest}", f"use a label of the base: {slots}")
        slot = self._free.pop(0)
        self.given[slot] = answer
        self._exact[answer] = slot
        self._folded[answer.casefold()] = [slot]
        left = len(self._free)
        self.notes.append(f"{where}: {answer!r} is a new name and takes class {slot} (spare slots left: {left})")
        return slot


def _looks_misspelt(answer: str, label: str) -> bool:
    ratio = SequenceMatcher(None, answer, label).ratio()
    return ratio >= _TYPO or (ratio >= _TYPO_SWAPPED and sorted(answer) == sorted(label))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
