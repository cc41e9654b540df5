# SPDX-License-Identifier: Apache-2.0
"""Figures of merit of edits, on the quantized deltas, against the untouched base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import BoolArray, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, answers, is_tie, logits_tensor, whole_output, with_deltas
from mcuedit.edits import Edit, KeepSet
from mcuedit.evaluation.cases import Questions
from mcuedit.evaluation.figures import Figures
from mcuedit.model.oracle import Inputs, Reader

UNEDITED = ("neighbourhood", "unrelated", "same_subject")
ROLES = ("edited", "rephrased", *UNEDITED)


@dataclass(frozen=True)
class Metrics(Figures):
    """Shares in 0..1; None where there was nothing to measure it on.

    Attributes:
        efficacy, efficacy_worst: edited prompts that get the new answer, a tie counting as failure: mean, worst edit.
        efficacy_softmax: the same for who reads only the output after SOFTMAX.
        paraphrase: other wordings that get it.
        neighbourhood, neighbourhood_worst: unchanged answers on facts of the same relation: mean and worst edit.
        unrelated: on facts of other relations. same_subject: on other facts of the edited subjects, in the
            `same_subject_wordings` wordings of them that training has not read.
        identical_keep, identical: byte-identical outputs over the keep set, and over every unedited prompt.
        ties: edited prompts where another class ties with the new answer.
        drawdown: loss of accuracy on the base's own held-out wordings of unedited facts.
        factor_bytes: bytes of factors, the mean over edits when each is alone, else their sum.
    """

    edits: int
    efficacy: float
    efficacy_worst: float
    efficacy_softmax: float
    paraphrase: float | None
    neighbourhood: float | None
    neighbourhood_worst: float | None
    unrelated: float | None
    same_subject: float | None
    same_subject_wordings: int
    identical_keep: float | None
    identical: float | None
    ties: int
    drawdown: float | None
    factor_bytes: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Case:
    """An edit's questions, the class it wants, and the deltas in force when it is asked."""

    questions: Questions
    wanted: int
    deltas: Sequence[Delta]


@dataclass(frozen=True)
class Seen:
    """What inputs get without and with deltas: classes by logits, ties, classes by the output, same bytes."""

    before: IntArray
    after: IntArray
    tie: BoolArray
    shown: IntArray
    shown_tie: BoolArray
    identical: BoolArray


class Measure:
    """Compares a base with and without deltas on any inputs."""

    def __init__(self, reader: Reader, repaired: Reader | None = None) -> None:
        """`repaired`: of a base whose weights were changed; it takes the place of deltas."""
        self._model = reader.base.model
        self._reader, self._repaired = reader, repaired

    def see(self, inputs: Inputs, deltas: Sequence[Delta]) -> Seen:
        """Answers and outputs for `inputs`, without and with `deltas`."""
        base = Trace(self._reader(inputs))
        now = Trace(self._repaired(inputs)) if self._repaired else with_deltas(self._model, deltas, base)
        logits, output = logits_tensor(self._model), self._model.output.index
        shown = now.values[output].reshape(len(inputs), -1)
        before, after = (whole_output(self._model, t) for t in (base, now))
        return Seen(
            answers(base.values[logits]),
            answers(now.values[logits]),
            is_tie(now.values[logits]),
            answers(shown),
            is_tie(shown),
            (before == after).all(axis=1),
        )

    def edits(self, cases: Sequence[Case], keep: KeepSet, facts: Sequence[tuple[Edit, int]]) -> Metrics:
        """Metrics of some edits.

        Args:
            keep: outputs on it are compared under each active set that the cases name.
            facts: what the base should know, with classes, for the drawdown.
        """
        looked: dict[tuple[int, tuple[str, ...]], Seen] = {}  # edits of one relation share most of their questions

        def look(prompts: tuple[str, ...], deltas: Sequence[Delta]) -> Seen:
            key = id(deltas), prompts
            if key not in looked:
                looked[key] = self.see(prompts, deltas)
            return looked[key]

        seen = {
            role: [(look(prompts, p.deltas), p.wanted) for p in cases if (prompts := getattr(p.questions, role))]
            for role in ROLES
        }
        shares = {role: [_right(s, wanted, role) for s, wanted in pairs] for role, pairs in seen.items()}
        sets = list({id(p.deltas): p.deltas for p in cases}.values())
        kept = [self.see(keep.prompts, deltas).identical for deltas in sets] if keep.prompts else []
        rest = [s.identical for role in UNEDITED for s, _ in seen[role]]
        near = [float(part.mean()) for part in shares["neighbourhood"]]
        return Metrics(
            edits=len(cases),
            efficacy=_mean(shares["edited"]) or 0.0,
            efficacy_worst=min((float(part.mean()) for part in shares["edited"]), default=0.0),
            efficacy_softmax=_mean([(s.shown == w) & ~s.shown_tie for s, w in seen["edited"]]) or 0.0,
            paraphrase=_mean(shares["rephrased"]),
            neighbourhood=sum(near) / len(near) if near else None,
            neighbourhood_worst=min(near, default=None),
            unrelated=_mean(shares["unrelated"]),
            same_subject=_mean(shares["same_subject"]),
            same_subject_wordings=sum(map(len, shares["same_subject"])),
            identical_keep=_mean(kept),
            identical=_mean([*rest, *kept]),
            ties=sum(int(((s.after == w) & s.tie).sum()) for s, w in seen["edited"]),
            drawdown=sum(self._drawdown(deltas, facts) for deltas in sets) / len(sets) if facts else None,
            factor_bytes=sum(d.factor_bytes for deltas in sets for d in deltas) / len(sets),
        )

    def _drawdown(self, deltas: Sequence[Delta], facts: Sequence[tuple[Edit, int]]) -> float:
        prompts = [p for fact, _ in facts for p in fact.rephrase_prompts]
        truth = np.array([c for fact, c in facts for _ in fact.rephrase_prompts])
        seen = self.see(prompts, deltas)
        return float((seen.before == truth).mean() - (seen.after == truth).mean())


def _right(seen: Seen, wanted: int, role: str) -> BoolArray:
    """Per prompt of a role whether it is as it should be: the wanted answer without a tie, or the old answer."""
    right: BoolArray = seen.after == seen.before if role in UNEDITED else (seen.after == wanted) & ~seen.tie
    return right


def _mean(parts: Sequence[npt.NDArray[np.generic]]) -> float | None:
    return float(np.concatenate(parts).mean()) if parts else None
