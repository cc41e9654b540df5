# SPDX-License-Identifier: Apache-2.0
"""Which op to read and which to change."""

from __future__ import annotations

from dataclasses import dataclass

from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import logits_tensor
from mcuedit.model.adaptable import OpGeometry, op_geometry
from mcuedit.model.tflite import Model
from mcuedit.training.core import places

AUTO = "auto"
# Weights of the score: what must not change counts more than a missed wording, most of all where everything else is
# meant; 100 B an edit are worth two wordings in a hundred.
_SHUT, _CLOSE, _PER_BYTE = 4.0, 2.0, 2e-4
# The same for tensors, where an answer that stays is what counts, and equal bytes beside it are a bonus.
_SAME_BYTES, _SAME_ANSWER, _PER_INSTRUCTION = 0.5, 4.0, 1e-7


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
    """

    tap: int
    target: int
    edits: int
    factor_bytes: int
    seen: Untried | Screened | Tried = Untried()
    separable: int | None = None
    instructions: int | None = None

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
        seen = self.seen
        if not isinstance(seen, Tried):
            return float("-inf")
        if self.instructions is not None:
            return seen.recall + _SAME_ANSWER * seen.close + _SAME_BYTES * seen.shut - self._cost
        return seen.recall + _CLOSE * seen.close + _SHUT * seen.shut - _PER_BYTE * self.factor_bytes / self.edits

    @property
    def faultless(self) -> bool:
        """Whether nothing went wrong in the trial, so that only size and instructions could be better."""
        seen = self.seen
        return isinstance(seen, Tried) and seen.recall == seen.shut == seen.close == 1

    def does_as(self, other: Candidate) -> bool:
        """Whether no share of a trial is lower than that of another one."""
        mine, theirs = self.seen, other.seen
        return isinstance(mine, Tried) and isinstance(theirs, Tried) and mine.does_as(theirs)

    def flat(self) -> dict[str, float | int | None]:
        """All that is known, by name, as --json prints it; None where it is not."""
        tried = self.seen if isinstance(self.seen, Tried) else None
        return {
            "tap": self.tap,
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
        return _PER_BYTE * self.factor_bytes / self.edits + _PER_INSTRUCTION * (self.instructions or 0)


def find_op(model: Model, text: str) -> int:
    """Op by index, or by the name of its output tensor.

    Raises:
        McueditError: there is no such op, the name fits several, or the op cannot carry a delta.
    """
    if text.isdigit():
        index = int(text)
    else:
        exact = [op.index for op in model.ops if model.tensors[op.outputs[0]].name == text]
        found = exact or [op.index for op in model.ops if text in model.tensors[op.outputs[0]].name]
        if len(found) != 1:
            what = "no tensor is called" if not found else f"{len(found)} tensors have names with"
            raise McueditError(f"{what} {text!r}", "'mcuedit inspect BASE' lists op indices and tensor names")
        index = found[0]
    op_geometry(model, index)
    return index


def logits_op(model: Model) -> int | None:
    """The op that makes the logits and can carry a delta; None if no such op does."""
    logits = logits_tensor(model)
    for op in reversed(model.ops):
        if logits in op.outputs:
            if places.no_tap(model, op.index) is None:
                return op.index
            if op.kind != "RESHAPE":
                return None
            logits = op.inputs[0]
    return None


def pairs(model: Model, tap: str, target: str) -> list[tuple[int, int]]:
    """Pairs to try: the ones asked for, or all that fit.

    Raises:
        McueditError: none fits; the message says why.
    """
    targets = [find_op(model, target)] if target != AUTO else _default_targets(model)
    for index in targets:
        if why_not := places.no_target(model, index):
            raise why_not
    found = []
    for o in targets:
        taps = [find_op(model, tap)] if tap != AUTO else [t for t in places.taps(model) if t <= o]
        found += [(t, o) for t in taps if not _mismatch(model, t, o)]
        if tap != AUTO and (why := _mismatch(model, taps[0], o)):
            raise McueditError(f"tap {taps[0]}, target {o}: {why}", "choose others, or leave them to auto")
    if not found:
        raise _nothing()
    return found


def every_pair(model: Model, end: int, tap: str, target: str) -> list[tuple[int, int]]:
    """Pairs to try for inputs that are tensors: every op by itself, and taps before a target where both have one row.

    Args:
        end: the tensor that the edits are about; a target must lead to it through ops that are simulated.

    Raises:
        McueditError: none fits; the message says why.
    """
    able = places.taps(model)
    taps = able if tap == AUTO else [find_op(model, tap)]
    targets = able if target == AUTO else [find_op(model, target)]
    found, why = [], _nothing()
    last = max((o for o in targets if op_geometry(model, o).single), default=None)
    for o in targets:
        if error := places.no_target(model, o, end):
            why = error
            continue
        near = [t for t in taps if t == o or tap != AUTO or target != AUTO or o == last]
        fits = [(t, o) for t in near if not _mismatch(model, t, o)]
        if near and not fits:
            why = McueditError(f"tap {near[0]}, target {o}: {_mismatch(model, near[0], o)}", "leave them to auto")
        found += fits
    if not found:
        raise why
    return found


def _nothing() -> McueditError:
    return McueditError("no op of this model can carry a delta", "FULLY_CONNECTED and ungrouped CONV_2D ops can")


def _default_targets(model: Model) -> list[int]:
    last = logits_op(model)
    if last is not None:
        return [last]
    able = places.taps(model)
    return able[-1:]


def _mismatch(model: Model, tap: int, target: int) -> str:
    if tap > target:
        return "the tap comes after the target"
    a: OpGeometry = op_geometry(model, tap)
    b: OpGeometry = op_geometry(model, target)
    return "" if tap == target or (a.single and b.single) else "a tap before its target needs one row in both ops"
