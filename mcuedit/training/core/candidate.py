# SPDX-License-Identifier: Apache-2.0
"""A pair of tap and target, what is known of it, and how much that is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcuedit.model.adaptable import tap_value


@dataclass(frozen=True)
class ScoreConfig:
    """What counts how much where pairs are compared; a wording that opens its gate, or an edit that holds, counts 1.

    Attributes:
        shut, close: of text: what must not change counts more than a missed wording, most of all where everything else
            is meant.
        same_answer, same_bytes: of tensors: an answer that stays is what counts, equal bytes beside it are a bonus.
        per_byte: 100 B an edit are worth two wordings in a hundred. per_instruction: of an inference.
    """

    shut: float = 4.0
    close: float = 2.0
    same_answer: float = 4.0
    same_bytes: float = 0.5
    per_byte: float = 2e-4
    per_instruction: float = 1e-7


@dataclass(frozen=True)
class Untried:
    """Nothing is known of a pair."""


@dataclass(frozen=True)
class Screened:
    """What was seen without training a delta.

    Attributes:
        share: how well gates at the tap tell edits from what must stay, 1 at best.
    """

    share: float


@dataclass(frozen=True)
class Tried:
    """What a trial gave. Of tensors, shares of inputs that it held back.

    Attributes:
        recall: share of wordings unseen in training that open their gate; of tensors that get what is wanted.
        shut: share of unseen inputs of other matter that open no gate; of tensors that keep their bytes.
        close: share of unseen wordings of other questions about the edits' subjects that open no gate; of tensors that
            keep their answer.
        before: what was known before the trial.
    """

    recall: float
    shut: float
    close: float = 1.0
    before: Untried | Screened = Untried()

    def does_as(self, other: Tried) -> bool:
        """Whether no share is lower than that of another trial."""
        return self.recall >= other.recall and self.shut >= other.shut and self.close >= other.close


@dataclass(frozen=True)
class Candidate:
    """One pair of tap and target, with what is known of it.

    Attributes:
        edits, factor_bytes: how many edits share how many bytes.
        seen: what was found out.
        separable: edits whose gate can be shut on every clean input that must stay; None before there are gates.
        instructions: given for tensors, what the delta costs an inference at most, roughly: a multiplication each of A
            and two of B.
        weights: by which it is compared.
    """

    tap: int
    target: int
    edits: int
    factor_bytes: int
    seen: Untried | Screened | Tried = Untried()
    separable: int | None = None
    instructions: int | None = None
    weights: ScoreConfig = field(default_factory=ScoreConfig, repr=False)

    @property
    def pair(self) -> tuple[int, int]:
        """Tap and target."""
        return self.tap, self.target

    @property
    def screen(self) -> float | None:
        """What a screen gave, if there was one."""
        before = self.seen.before if isinstance(self.seen, Tried) else self.seen
        return before.share if isinstance(before, Screened) else None

    @property
    def score(self) -> float:
        """Larger is better."""
        seen, w = self.seen, self.weights
        if not isinstance(seen, Tried):
            return float("-inf")
        if self.instructions is not None:
            return seen.recall + w.same_answer * seen.close + w.same_bytes * seen.shut - self._cost
        return seen.recall + w.close * seen.close + w.shut * seen.shut - w.per_byte * self.factor_bytes / self.edits

    @property
    def faultless(self) -> bool:
        """Whether nothing went wrong in the trial, so that only size and instructions could be better."""
        seen = self.seen
        return isinstance(seen, Tried) and seen.recall == seen.shut == seen.close == 1

    def does_as(self, other: Candidate) -> bool:
        """Whether no share of a trial is lower than that of another one."""
        mine, theirs = self.seen, other.seen
        return isinstance(mine, Tried) and isinstance(theirs, Tried) and mine.does_as(theirs)

    def flat(self) -> dict[str, float | int | str | None]:
        """All that is known, by name, as --json prints it; None where it is not."""
        tried = self.seen if isinstance(self.seen, Tried) else None
        return {
            "tap": tap_value(self.tap),
            "target": self.target,
            "edits": self.edits,
            "factor_bytes": self.factor_bytes,
            "recall": tried.recall if tried else None,
            "shut": tried.shut if tried else None,
            "separable": self.separable,
            "close": tried.close if tried else 1.0,
            "instructions": self.instructions,
            "screen": self.screen,
            "score": self.score,
        }

    @property
    def promise(self) -> float:
        """Larger is better, before a trial."""
        return (self.screen or 0.0) - self._cost

    @property
    def _cost(self) -> float:
        w = self.weights
        return w.per_byte * self.factor_bytes / self.edits + w.per_instruction * (self.instructions or 0)
