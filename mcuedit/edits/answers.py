# SPDX-License-Identifier: Apache-2.0
"""Answers to classes. A new name takes a spare slot; a probable typo does not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

from mcuedit.edits.sets import EditSet
from mcuedit.errors import McueditError

_SPARE = re.compile(r"<spare \d+>")
_TYPO = 0.85  # similarity from which an unknown answer is taken for a misspelt label
_TYPO_SWAPPED = 0.7  # the same for one made of the same letters, which the ratio undervalues
_LABEL_BYTES = 255  # SPEC.md, section 3


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

    An answer is a label as it is written (that of a spare slot too), or else up to case. One that is no label is a new
    name and takes the next free spare slot, unless it looks like a misspelt label: then it is refused, with the
    suggestion.

    Args:
        labels: of the base, one per class; None: answers are class numbers.
        taken: names that an adapter in use has given to spare slots already.
        new_labels: the user vouches for the spelling of new names.

    Raises:
        McueditError: names the edit, the closest labels and the number of free slots.
    """
    if labels is None:
        return Answers(tuple(_number(edits, i, n_classes) for i in range(len(edits.edits))), {})
    named = {edit.target_new for edit in edits.edits}
    book = _Book(labels, dict(taken or {}), new_labels, named)
    classes = tuple(book.find(edit.target_new, edits.where(edit)) for edit in edits.edits)
    return Answers(classes, book.given, tuple(book.notes))


def _number(edits: EditSet, index: int, n_classes: int) -> int:
    edit = edits.edits[index]
    text = edit.target_new
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) >= n_classes:
        raise McueditError(
            f"{edits.where(edit)}: answer {text!r} is no class number (0..{n_classes - 1})",
            "this base has no labels.txt: give class numbers, or put labels.txt beside its model.tflite",
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
            raise McueditError(f"{where}: {answer[:40]!r} cannot be a label", "write the new name, at most 255 bytes")
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
