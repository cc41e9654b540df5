# SPDX-License-Identifier: Apache-2.0
"""What a method gives back: an adapter or other weights, and how they came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mcuedit import privacy
from mcuedit._util.typing import BoolArray, IntArray
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.weight_patch import Patch
from mcuedit.edits import Edit, EditSet, KeepSet
from mcuedit.evaluation.acting import Acting
from mcuedit.evaluation.certificate import Certificate
from mcuedit.training.core.candidate import Candidate


@dataclass(frozen=True)
class NewWeights:
    """A base with other weights in one op.

    Attributes:
        data: the whole .tflite, as long as the base's; only weights of `op` differ.
        tried: (op, share of edits, share of kept answers) of the ops that were tried, the best first.
    """

    data: bytes
    op: int
    patch: Patch
    tried: tuple[tuple[int, float, float], ...]


def no_certificate() -> Certificate:
    """Of a method that certifies nothing: no input was looked at."""
    return Certificate(0, 0, (), 0)


@dataclass(frozen=True)
class Edited:
    """What training gave.

    Attributes:
        adapter: with no delta where the base does what is wanted, or where `weights` do it; its labels are names that
            spare classes have from now on.
        edits: as asked, without repetitions; empty for tensors.
        classes: int64[edits], the class wanted by each.
        notes: what the user should be told.
        certificate: over keep set and locality lists, with the adapter and its context active; of no input where a
            method certifies nothing.
        acting: whether the edits act within the active set; of no input likewise.
        overlapping: names of edits whose gate could not be told apart from what must stay.
        placement: every pair tried; the first was taken.
        given: bool[edits], what the base answers as wanted already; nothing is trained for these.
        answers: the base's outputs are answers, not vectors to be reproduced.
        replaces: names of adapters whose edits this one makes too, and that are to leave when it comes.
        weights: of a method that changes weights, else None.
        budget: of a private method, what the adapter gives away, else None.
    """

    adapter: Adapter
    edits: EditSet
    keep: KeepSet
    classes: IntArray
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    certificate: Certificate = field(default_factory=no_certificate)
    acting: Acting = field(default_factory=lambda: Acting((), 0, 0))
    overlapping: tuple[str, ...] = ()
    placement: tuple[Candidate, ...] = ()
    given: BoolArray = field(default_factory=lambda: np.zeros(0, bool))
    answers: bool = True
    replaces: tuple[str, ...] = ()
    weights: NewWeights | None = None
    budget: privacy.Budget | None = None

    @property
    def certified(self) -> bool:
        """What is to stay is byte-identical, and what is to change does, in the active set that is named."""
        return self.certificate.holds and self.acting.holds

    @property
    def trained_edits(self) -> Sequence[Edit]:
        """The edits that the adapter makes."""
        return tuple(e for e, known in zip(self.edits.edits, self.given, strict=True) if not known)

    @property
    def new_weights(self) -> NewWeights:
        """The weights of a method that changes some."""
        assert self.weights is not None, "only a method that changes weights has some"
        return self.weights


def of_tensors(source: str) -> tuple[EditSet, KeepSet]:
    """The sets of text of edits that are none."""
    return EditSet((), source), KeepSet((), (), source)
