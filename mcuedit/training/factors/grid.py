# SPDX-License-Identifier: Apache-2.0
"""Trains the weights of one op in the grid they are stored in: W + round(change), straight through the rounding.

The change is first B A, of low rank, which finds the direction, and then any: that spares more of what must stay.
The forward pass is the op itself on the rounded, clamped weights. What must stay is looked at as a whole every now and
then, and the inputs that fare worst take part in the steps until the next look. Steps are normalized per tensor, so
that one large gradient does not move every weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray
from mcuedit.adapter.weight_patch import shifted, weights_of
from mcuedit.model.ops import operator
from mcuedit.training.core.delta_site import DeltaSite, Table
from mcuedit.training.core.optimizer import Best, cosine, normalized
from mcuedit.training.factors.low_rank import directions


@dataclass(frozen=True)
class GridConfig:
    """How the weights of an op are trained.

    Attributes:
        steps, trial_steps: of the op taken, and of each that is tried; low: how many of them are of low rank.
        look: steps between two looks at all that must stay.
        settled: perfect looks in a row that end the training.
        hardest: kept inputs that take part in a step.
        rate_a, rate_b: of a weight step, at the largest element of the other factor.
        rate, usual: of a weight step for a typical gradient where an output has `usual` weights.
        momentum, memory: what means keep in each step.
        batch: inputs in a step.
        sample: elements at the op's input that the start is taken from.
        block: kept inputs that stay together when a trial holds some back: wordings of one question stand together.
    """

    steps: int = 300
    trial_steps: int = 60
    low: int = 30
    look: int = 20
    settled: int = 3
    hardest: int = 768
    rate_a: float = 0.1
    rate_b: float = 0.5
    rate: float = 0.15
    usual: int = 96
    momentum: float = 0.9
    memory: float = 0.98
    batch: int = 1024
    sample: int = 1 << 22
    block: int = 64


@dataclass(frozen=True)
class Start:
    """The rank that a change starts with, and the seed of every random choice."""

    rank: int
    seed: int


@dataclass(frozen=True)
class Merging:
    """New weights of an op.

    Attributes:
        weights: int8[n_out, n_in]. clipped: how many were clamped.
        edited, kept: share of examples that are as they should be; of a trial, of what it held back.
    """

    op: int
    weights: Int8Array
    clipped: int
    edited: float
    kept: float

    @property
    def score(self) -> float:
        """Larger is better."""
        return self.edited + self.kept


def train(
    table: Table, own: IntArray, ops: Sequence[int], start: Start, config: GridConfig, progress: Callable[[str], None]
) -> tuple[Merging, tuple[Merging, ...]]:
    """Tries each op briefly, and trains the best one.

    Args:
        own: int64[...], edited samples as the user gave them: they must hold; copies should.

    Returns:
        (the best, all trials, best first)
    """
    tried = []
    for op in ops if len(ops) > 1 else ():
        progress(f"trying op {op}")
        tried.append(_trial(table, own, op, start, config))
    tried.sort(key=lambda t: (t.score, t.op), reverse=True)  # of equal ones the last: the least depends on it
    best = tried[0].op if tried else ops[0]
    progress(f"training the weights of op {best}")
    return _Fit(DeltaSite(table, (best, best)), own, start, config).run(config.steps), tuple(tried)


def _trial(table: Table, own: IntArray, op: int, start: Start, config: GridConfig) -> Merging:
    """Trains on two thirds of what must stay, and judges by the rest."""
    held = (np.arange(len(table.keep)) // config.block) % 3 == 0
    if held.all():
        held[:] = np.arange(len(held)) % 3 == 0
    part = table.part(table.edit, table.keep[~held])
    made = _Fit(DeltaSite(part, (op, op)), own, start, config).run(config.trial_steps)
    rest = _Fit(DeltaSite(table.part(table.edit, table.keep[held]), (op, op)), own, start, config)
    return replace(made, kept=rest.judged(made.weights, rest.keep).share)


@dataclass(frozen=True)
class _Judged:
    """How samples of one kind do: float32[m] losses, bool[m]."""

    loss: FloatArray
    good: BoolArray

    @property
    def share(self) -> float:
        return float(self.good.mean()) if len(self.good) else 1.0


class _Fit:
    """Float masters of B and A, and later of the change itself, in steps of the weights."""

    def __init__(self, site: DeltaSite, own: IntArray, start: Start, config: GridConfig) -> None:
        self._site, self._how = site, config
        self._own = np.isin(site.table.edit, own)
        model, index = site.table.model, site.pair[1]
        self._op = model.ops[index]
        self._weights = weights_of(model, index)
        self._batch = site.at_once(config.batch)
        self._rng = np.random.default_rng(start.seed)
        self.edit, self.keep = site.table.edit, site.table.keep
        x, w, y = (model.tensors[i] for i in (self._op.inputs[0], self._op.inputs[1], self._op.outputs[0]))
        real = float(x.scale[0]) * w.scale.astype(np.float64) / float(y.scale[0])
        self._real = np.broadcast_to(real, site.target.n_out).astype(np.float32)
        self._input = site.table.now.values[self._op.inputs[0]]
        self._a = self._directions(start.rank)
        self._b = np.zeros((site.target.n_out, start.rank), np.float32)
        self._change = np.zeros(self._weights.shape, np.float32)
        self._mean, self._square = np.zeros_like(self._change), 0.0

    def _directions(self, rank: int) -> FloatArray:
        edit, keep = (self._centred(self._some(part)) for part in (self.edit, self.keep))
        return directions(keep if len(keep) else edit, edit, rank)

    def run(self, steps: int) -> Merging:
        """Trains, and returns the best of the weights looked at: where the edits hold, the rest loses least."""
        best, perfect = Best[Merging | None](None), 0
        hard = self.keep[:0]
        for step in range(steps + 1):
            weights, clipped = shifted(self._weights, self._change)
            if step % self._how.look == 0:
                kept, edited = self.judged(weights, self.keep), self.judged(weights, self.edit)
                order = np.argsort(-kept.loss, kind="stable")[: self._how.hardest]
                hard = self.keep[order]
                hurt = float(kept.loss[order].mean()) if len(order) else 0.0
                made = Merging(self._op.index, weights, clipped, edited.share, kept.share)
                best.offer(made, float(edited.good[self._own].all()), edited.share + kept.share - hurt)
                perfect = perfect + 1 if edited.share == kept.share == 1 else 0
            if perfect == self._how.settled:
                break
            if step < steps:
                rate = cosine(step, steps)
                grad = self._gradient(weights, hard)
                if step < self._how.low:
                    self._step_low(grad, rate)
                else:
                    self._step(grad, rate, step - self._how.low + 1)
        assert best.value is not None
        return best.value

    def _gradient(self, weights: Int8Array, hard: IntArray) -> FloatArray:
        """By the weights: float32[n_out, n_in]."""
        edit = self._some(self.edit, self._batch // 2)
        index = np.concatenate([edit, self._some(hard, self._batch - len(edit))])
        _, _, pull = self._site.judge(self._outputs(weights, index), index, len(edit))
        grad = pull().reshape(-1, self._site.target.n_out) * self._real
        return np.asarray(grad.T @ self._centred(index), np.float32)

    def _step_low(self, grad: FloatArray, rate: float) -> None:
        by_b: FloatArray = grad @ self._a.T
        by_a: FloatArray = self._b.T @ grad
        reach = float(np.abs(self._a).max())
        self._b -= normalized(by_b, self._how.rate_b * rate / reach)
        self._a -= normalized(by_a, self._how.rate_a * rate * reach)
        self._change = self._b @ self._a

    def _step(self, grad: FloatArray, rate: float, count: int) -> None:
        """A step of any rank, the `count`-th: the mean gradient against the typical size of an element of it."""
        self._mean += (1 - self._how.momentum) * (grad - self._mean)
        self._square += (1 - self._how.memory) * (float(np.square(grad).mean()) - self._square)
        typical = np.sqrt(self._square / (1 - self._how.memory**count)) * (1 - self._how.momentum**count)
        if typical:
            rate *= self._how.rate * np.sqrt(
                self._how.usual / grad.shape[1]
            )  # fewer weights go further for the same output
            self._change -= np.float32(rate / typical) * self._mean

    def judged(self, weights: Int8Array, samples: IntArray) -> _Judged:
        """All edited samples, or all that must stay, with these weights."""
        loss, good = [np.zeros(0, np.float32)], [np.zeros(0, bool)]
        for start in range(0, len(samples), self._batch):
            index = samples[start : start + self._batch]
            edits = len(index) if samples is self.edit else 0
            edited, kept, _ = self._site.judge(self._outputs(weights, index), index, edits)
            part = edited if edits else kept
            loss.append(part.loss)
            good.append(part.good)
        return _Judged(np.concatenate(loss), np.concatenate(good))

    def _outputs(self, weights: Int8Array, index: IntArray) -> Int8Array:
        """The op's output with other weights, int8[m, positions, n_out]."""
        model = self._site.table.model
        at = self._op.inputs[1]
        tensors = list(model.tensors)
        tensors[at] = replace(tensors[at], data=weights.reshape(tensors[at].shape))
        y = operator(replace(model, tensors=tuple(tensors)), self._op).forward(self._input[index])
        return y.reshape(len(index), -1, self._site.target.n_out)

    def _centred(self, index: IntArray) -> FloatArray:
        x = self._site.tapped.of(index).reshape(-1, self._site.tap.n_in)
        return x.astype(np.float32) - self._site.tap.zx

    def _some(self, samples: IntArray, most: int | None = None) -> IntArray:
        most = most or max(1, self._how.sample // (self._site.tap.positions * self._site.tap.n_in))
        return samples if len(samples) <= most else self._rng.choice(samples, most, replace=False)
