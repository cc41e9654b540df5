# SPDX-License-Identifier: Apache-2.0
"""Which op to read and which to change."""

from __future__ import annotations

from dataclasses import dataclass

from mcuedit import ops
from mcuedit.carrier import Carrier, carrier, carries
from mcuedit.errors import McueditError
from mcuedit.evaluation.outputs import logits_tensor
from mcuedit.model import Model

AUTO = "auto"
# Weights of the score: what must not change counts more than a missed wording, most of all where everything else is
# meant; 100 B an edit are worth two wordings in a hundred.
_SHUT, _CLOSE, _PER_BYTE = 4.0, 2.0, 2e-4


@dataclass(frozen=True)
class Candidate:
    """One pair of tap and target, with what a trial gave.

    Attributes:
        edits, factor_bytes: how many edits share how many bytes.
        recall: share of wordings unseen in training that open their gate; None if it was not tried.
        shut: share of unseen inputs of other matter that open no gate.
        close: share of unseen wordings of other questions about the edits' subjects that open no gate.
        separable: edits whose gate can be shut on every clean input that must stay.
    """

    tap: int
    target: int
    edits: int
    factor_bytes: int
    recall: float | None = None
    shut: float | None = None
    separable: int | None = None
    close: float = 1.0

    @property
    def score(self) -> float:
        """Larger is better."""
        if self.recall is None or self.shut is None:
            return float("-inf")
        return self.recall + _CLOSE * self.close + _SHUT * self.shut - _PER_BYTE * self.factor_bytes / self.edits


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
    carrier(model, index)
    return index


def logits_op(model: Model) -> int | None:
    """The op that makes the logits and can carry a delta; None if no such op does."""
    logits = logits_tensor(model)
    for op in reversed(model.ops):
        if logits in op.outputs:
            if carries(model, op):
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
        _require_simulated(model, index)
    found = []
    for o in targets:
        taps = [find_op(model, tap)] if tap != AUTO else [op.index for op in model.ops[: o + 1] if carries(model, op)]
        found += [(t, o) for t in taps if not _mismatch(model, t, o)]
        if tap != AUTO and (why := _mismatch(model, taps[0], o)):
            raise McueditError(f"tap {taps[0]}, target {o}: {why}", "choose others, or leave them to auto")
    if not found:
        raise McueditError("no op of this model can carry a delta", "FULLY_CONNECTED ops can")
    return found


def _default_targets(model: Model) -> list[int]:
    last = logits_op(model)
    if last is not None:
        return [last]
    able = [op.index for op in model.ops if carries(model, op)]
    return able[-1:]


def _mismatch(model: Model, tap: int, target: int) -> str:
    if tap > target:
        return "the tap comes after the target"
    a: Carrier = carrier(model, tap)
    b: Carrier = carrier(model, target)
    return "" if tap == target or (a.single and b.single) else "a tap before its target needs one row in both ops"


def _require_simulated(model: Model, target: int) -> None:
    for op in model.ops[target + 1 :]:
        if op.kind not in ops.kinds():
            ops.operator(model, op)  # raises, naming the op
