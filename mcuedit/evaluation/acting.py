# SPDX-License-Identifier: Apache-2.0
"""Whether edits act within one named active set, and leave the edits of its other adapters as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit.adapter.delta import Delta
from mcuedit.edits import Edit, EditSet, bag_of_words
from mcuedit.evaluation.metrics import Measure
from mcuedit.model.oracle import Reader


@dataclass(frozen=True)
class Beside:
    """Deltas of a new adapter among those in force.

    Attributes:
        together: names of all their adapters, the new one last.
        context: deltas that are in force anyway. deltas: of the new one.
    """

    together: Sequence[str]
    context: Sequence[Delta]
    deltas: Sequence[Delta]


@dataclass(frozen=True)
class Acting:
    """The edits of a new adapter beside those in force.

    Attributes:
        together: names of the adapters in force together, the new one last.
        asked, right: edited inputs, and those that get what is wanted; a tie is a failure.
        failing: what edits are called of which an input does not.
        disturbed: prompts of the other adapters' edits that get another answer, or a tie, by the new adapter.
        missed: prompts of the failing edits that do not get what is wanted.
    """

    together: tuple[str, ...]
    asked: int
    right: int
    failing: tuple[str, ...] = ()
    disturbed: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Every edited input gets what is wanted, and the edits of the others are as they were."""
        return self.right == self.asked and not self.disturbed

    @property
    def efficacy(self) -> float:
        """Share of the edited inputs that get what is wanted."""
        return self.right / self.asked if self.asked else 1.0

    def __str__(self) -> str:
        others = f", {len(self.disturbed)} inputs of the others' edits do not" if self.disturbed else ""
        names = ", ".join(self.together) or "no adapter"
        return f"{self.right} of {self.asked} edited inputs get what is wanted{others}, with {names} in force"


def act(
    reader: Reader,
    edits: EditSet,
    classes: Sequence[int],
    earlier: Sequence[Edit],
    beside: Beside,
) -> Acting:
    """Asks every prompt of `edits`, and of the `earlier` ones that these do not overrule.

    Args:
        classes: wanted by each edit.
    """
    measure, both = Measure(reader), [*beside.context, *beside.deltas]
    right = [_wanted(measure, edit.prompts, wanted, both) for edit, wanted in zip(edits.edits, classes, strict=True)]
    overruled = {bag_of_words(p) for edit in edits.edits for p in edit.prompts}
    others = list(dict.fromkeys(p for e in earlier for p in e.prompts if bag_of_words(p) not in overruled))
    disturbed: list[str] = []
    if others:
        without, now = measure.see(others, beside.context), measure.see(others, both)
        moved = (without.after != now.after) | (now.tie & ~without.tie)
        disturbed = [p for p, other in zip(others, moved, strict=True) if other]
    return Acting(
        tuple(beside.together),
        sum(map(len, right)),
        int(sum(part.sum() for part in right)),
        tuple(e.subject or e.prompts[0] for e, part in zip(edits.edits, right, strict=True) if not part.all()),
        tuple(disturbed),
        tuple(
            p
            for e, part in zip(edits.edits, right, strict=True)
            for p, good in zip(e.prompts, part, strict=True)
            if not good
        ),
    )


def given(reader: Reader, edits: EditSet, classes: Sequence[int], context: Sequence[Delta]) -> np.ndarray:
    """bool[edits]: all prompts get what is wanted without any training, by the base and with the context in force."""
    measure = Measure(reader)
    return np.array(
        [
            all(_wanted(measure, edit.prompts, wanted, deltas).all() for deltas in ([], context))
            for edit, wanted in zip(edits.edits, classes, strict=True)
        ],
        bool,
    )


def _wanted(measure: Measure, prompts: Sequence[str], wanted: int, deltas: Sequence[Delta]) -> np.ndarray:
    seen = measure.see(prompts, deltas)
    good: np.ndarray = (seen.after == wanted) & ~seen.tie
    return good
