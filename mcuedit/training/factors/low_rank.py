# SPDX-License-Identifier: Apache-2.0
"""One delta of rank r for all edits together: a style, a shift, a class (DESIGN.md, section 5).

The forward pass is the exact integer arithmetic of SPEC.md on rounded factors; gradients pass straight through the
rounding. Steps are normalized per tensor: step = rate * gradient / max |gradient|, in int8 units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import D_MAX, Delta
from mcuedit.model.adaptable import tap_name
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.training.core.candidate import Candidate, ScoreConfig, Tried
from mcuedit.training.core.delta_site import DeltaSite, Factors, Table
from mcuedit.training.core.optimizer import Best, cosine, normalized
from mcuedit.training.options import Options


@dataclass(frozen=True)
class LowRank:
    """How one delta of rank r is trained.

    Attributes:
        steps, trial_steps: at the place taken, and at each that is tried.
        kept: inputs that must stay, in one step.
        rate_a, rate_b: int8 units by which the largest element of A and of B moves in the first step.
        h: of a strong edit at the start. strong: quantile of the edits' activations that is one.
        reach: what B = 127 adds at `h` where ops follow; where the target makes the answer itself, all that can be.
        sample: elements at the tap that directions and offsets are taken from.
        strays, missed: quantiles of keep and edit activations that a gate stands between if there is a margin,
        common: else it opens on this much less of what must stay.
        loss: weight of what kept answers lose, in the score that says which step was the best.
        settled: perfect steps in a row that end the training.
        score: by what places are compared.
    """

    steps: int = 150
    trial_steps: int = 40
    kept: int = 128
    rate_a: float = 1.0
    rate_b: float = 6.0
    strong: float = 0.9
    h: int = 100
    reach: int = 128
    sample: int = 1 << 22
    strays: float = 0.999
    missed: float = 0.01
    common: float = 0.8
    loss: float = 0.01
    settled: int = 10
    score: ScoreConfig = field(default_factory=ScoreConfig)


def train(
    table: Table,
    pairs: Sequence[tuple[int, int]],
    edits: int,
    how: tuple[Options, LowRank],
    progress: Callable[[str], None],
) -> tuple[list[Delta], tuple[Candidate, ...]]:
    """Tries each pair briefly and trains the best one.

    Args:
        edits: how many edits share the delta. how: the options, and those of this method.

    Returns:
        (deltas, the pairs tried, best first)
    """
    candidates = []
    for pair in pairs if len(pairs) > 1 else ():
        progress(f"trying tap {tap_name(pair[0])}, target {pair[1]}")
        fit = Fit(DeltaSite(table, pair), *how, edits)
        candidates.append(fit.candidate(fit.run(how[1].trial_steps)))
    candidates.sort(key=lambda c: c.score, reverse=True)
    pair = (candidates[0].tap, candidates[0].target) if candidates else pairs[0]
    progress(f"training tap {tap_name(pair[0])}, target {pair[1]}")
    fit = Fit(DeltaSite(table, pair), *how, edits)
    delta = fit.run(how[1].steps)
    return [delta], (fit.candidate(delta), *candidates[1:])


class Fit:
    """Float masters of one delta and their training."""

    def __init__(self, site: DeltaSite, options: Options, how: LowRank, edits: int) -> None:
        """`edits` is how many edits share the delta."""
        self._site, self._how, self._edits = site, how, edits
        self._gated, self._bits = options.gated, options.width
        self._place = options.place_for(edits)
        self._limit = 127 if options.width == 8 else 7
        self._rng = np.random.default_rng(options.seed)
        table = site.table
        most = max(1, how.sample // (site.tap.positions * site.tap.n_in))
        self._edit, self._keep = (self._some(part, most) for part in (table.edit, table.keep))
        rank = options.factors
        self._a = self._start(rank)
        self._b = np.zeros((site.target.n_out, rank), np.float32)
        edit, keep = (self._scores(part, self._a) for part in (self._edit, self._keep))
        self._threshold = self._between(keep, edit)
        over = np.abs(edit - self._threshold)[edit > self._threshold] if self._gated else np.abs(edit)
        peak = max(1.0, float(np.quantile(over, self._how.strong))) if over.size else 1.0
        self._h = quantize_multiplier(min(how.h / peak, 0.999))
        self._out = quantize_multiplier((D_MAX if site.at_end else how.reach) / (127 * how.h))

    def run(self, steps: int) -> Delta:
        """Trains and returns the best delta seen, by edits that hold and keep answers that stay."""
        best, perfect = Best(self._delta()), 0
        for step in range(steps):
            delta = self._delta()
            score, grad_a, grad_b = self._step(delta)
            best.offer(delta, score)
            perfect = perfect + 1 if score > 2 - self._how.loss else 0
            if perfect == self._how.settled:
                break
            rate = cosine(step, steps)
            self._a = _move(self._a, grad_a, self._how.rate_a * rate * self._limit / 127, self._limit)
            self._b = _move(self._b, grad_b, self._how.rate_b * rate, 127)
        return best.value

    def candidate(self, delta: Delta) -> Candidate:
        """How a delta does on its own examples."""
        edited, kept = self._judged(delta, self._site.table.edit), self._judged(delta, self._site.table.keep)
        seen, weights = Tried(edited, kept), self._how.score
        return Candidate(*self._site.pair, self._edits, delta.factor_bytes, seen, weights=weights)

    def _judged(self, delta: Delta, samples: IntArray) -> float:
        """Share of samples of the table, all of them edited or all to stay, that are as they should be."""
        site, good = self._site, [np.ones(0, bool)]
        for start in range(0, len(samples), site.batch):
            index = samples[start : start + site.batch]
            moved = site.moved(delta, delta.project(site.tapped.of(index)), site.y(index))
            edits = len(index) if samples is site.table.edit else 0
            good += [judged.good for judged in site.judge(moved, index, edits)[:2]]
        joined = np.concatenate(good)
        return float(joined.mean()) if len(joined) else 1.0

    def _start(self, rank: int) -> FloatArray:
        """The strongest directions of the edits' tap inputs where the keep set varies least: float32[rank, n_in]."""
        keep, edit = (self._centred(part) for part in (self._keep if len(self._keep) else self._edit, self._edit))
        return directions(keep, edit, rank) * np.float32(0.8 * self._limit)

    def _delta(self) -> Delta:
        a, b = np.round(self._a).astype(np.int8), np.round(self._b).astype(np.int8)
        offset = self._offsets(a)
        return self._site.delta(Factors(a, offset, self._h, b, self._out, self._gated, self._bits))

    def _offsets(self, a: Int8Array) -> IntArray:
        """Offsets as the device adds them: the threshold, and the folded zero point."""
        folded: IntArray = -self._site.tap.zx * a.sum(axis=1, dtype=np.int64)
        return np.asarray(folded - np.floor(self._threshold).astype(np.int64))

    def _between(self, keep: FloatArray, edit: FloatArray) -> FloatArray:
        """Where gates stand, float32[rank]; plain factors have no threshold."""
        if not self._gated or not len(keep):
            return np.zeros(edit.shape[1], np.float32)
        strays, missed = np.quantile(keep, self._how.strays, axis=0), np.quantile(edit, self._how.missed, axis=0)
        margin = missed > strays
        at = np.where(margin, strays + self._place * (missed - strays), np.quantile(keep, self._how.common, axis=0))
        return np.asarray(at, np.float32)

    def _step(self, delta: Delta) -> tuple[float, FloatArray, FloatArray]:
        site = self._site
        edit = self._some(site.table.edit, site.batch)
        keep = self._some(site.table.keep, min(self._how.kept, site.batch))
        index = np.concatenate([edit, keep])
        x, y = site.tapped.of(index), site.y(index)
        h = delta.project(x)
        b = self._dense(delta)
        moved = site.moved(delta, h, y)
        edited, kept, pull = site.judge(moved, index, len(edit))
        stays = float(kept.good.mean()) if len(keep) else 1.0
        loss = 1e-3 * float(edited.loss.mean()) + (self._how.loss * float(kept.loss.mean()) if len(keep) else 0.0)
        score = float((edited.loss < 8).mean() + edited.good.mean()) / 2 + stays - loss
        grad = (pull() * site.through(b, h, self._out)).reshape(-1, site.target.n_out)
        flat_h = h.reshape(-1, delta.rank).astype(np.float32)
        flat_x = x.reshape(-1, site.tap.n_in).astype(np.float32) - site.tap.zx
        real_h, real_out = (m * 2.0 ** (s - 31) for m, s in (self._h, self._out))
        free = (flat_h > (0 if self._gated else -127)) & (flat_h < 127)
        at_h = np.where(free, grad @ b.astype(np.float32), 0)
        grad_a = (at_h.T @ flat_x) * np.float32(real_out * real_h)
        return score, grad_a.astype(np.float32), (grad.T @ flat_h * np.float32(real_out)).astype(np.float32)

    def _dense(self, delta: Delta) -> IntArray:
        b = np.zeros((self._site.target.n_out, delta.rank), np.int64)
        b[slice(None) if delta.rows is None else delta.rows] = delta.b
        return b

    def _some(self, samples: IntArray, most: int) -> IntArray:
        return samples if len(samples) <= most else self._rng.choice(samples, most, replace=False)

    def _centred(self, index: IntArray) -> FloatArray:
        """float32[m, n_in], inputs at every position less the zero point."""
        x = self._site.tapped.of(index).reshape(-1, self._site.tap.n_in)
        return x.astype(np.float32) - self._site.tap.zx

    def _scores(self, index: IntArray, a: npt.NDArray[np.generic]) -> FloatArray:
        scores: FloatArray = self._centred(index) @ a.astype(np.float32).T
        return scores


def directions(keep: FloatArray, edit: FloatArray, rank: int) -> FloatArray:
    """Where edited inputs are strong and kept ones vary least: float32[rank, n_in], the largest element of each 1.

    Args:
        keep, edit: float32[..., n_in], inputs less the zero point.
    """
    second = keep.T.astype(np.float64) @ keep / len(keep)
    second += (0.01 * np.trace(second) / len(second) + 1e-6) * np.eye(len(second))
    root = np.linalg.cholesky(np.linalg.inv(second))
    _, _, found = np.linalg.svd(edit @ root, full_matrices=False)
    a = np.resize(found, (rank, found.shape[1])) @ root.T
    signs = np.sign((edit @ a.T).mean(axis=0))
    a *= np.where(signs == 0, 1, signs)[:, None]
    return np.asarray(a / np.abs(a).max(axis=1, keepdims=True), np.float32)


def _move(values: FloatArray, grad: FloatArray, rate: float, limit: int) -> FloatArray:
    return np.asarray(np.clip(values - normalized(grad, rate), -limit, limit), np.float32)
