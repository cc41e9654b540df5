# SPDX-License-Identifier: Apache-2.0
"""Which op to read and which to change for edits of tensors: a screen of all pairs, short training of the best few.

The screen asks of every tap how well one gate tells the edits from what must stay, on inputs held back from it; that
takes no more than a linear fit. What a pair can do with the answer takes a column of B, trained for the best few, in
the order of what the screen promises, until nothing could be better or what may be computed is used up. Both look at
fewer examples where each takes long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.typing import FloatArray, IntArray
from mcuedit.model.adaptable import OUTPUT, op_geometry, tap_geometry, tap_name
from mcuedit.training.core.candidate import Candidate, ScoreConfig, Screened, Tried, Untried
from mcuedit.training.core.delta_site import FEW, DeltaSite, Table
from mcuedit.training.examples.tensors import TensorTable
from mcuedit.training.factors.tensor_factors import Made, TensorFactors, share
from mcuedit.training.options import Options
from mcuedit.training.placement.pairs import every_pair
from mcuedit.training.problem import Progress
from mcuedit.training.work import UNIT


@dataclass(frozen=True)
class TrialConfig:
    """How a place is chosen.

    Attributes:
        tried: pairs that are trained for a trial.
        steps, fit_steps: of a trial, for a column of B, and for A and B together.
        screens: share of what may be computed that screens take.
        near: promises that differ by less are no different.
        patches, trial: elements at a tap in a screen or trial, and multiplications behind the target in a trial.
        least: inputs that both look at, whatever that takes.
        spread: inputs of either kind that say how much elements vary.
        score: by what places are compared.
    """

    tried: int = 4
    steps: int = 16
    fit_steps: int = 30
    screens: float = 0.5
    near: float = 0.02
    patches: int = 1 << 24
    trial: int = 1 << 29
    least: int = 96
    spread: int = 512
    score: ScoreConfig = field(default_factory=ScoreConfig)


class Trials:
    """Tries pairs of one table, and trains at the one that is taken.

    Attributes:
        factors: what is trained, and in which form.
        bits: of an element of A, None if that was left open.
    """

    def __init__(
        self, table: TensorTable, factors: TensorFactors, options: Options, config: TrialConfig, progress: Progress
    ) -> None:
        self._table, self._options, self._how, self._progress = table, options, config, progress
        self.factors, self.bits = factors, options.bits

    def ranking(self) -> list[Candidate]:
        """All pairs that the options leave open, the best first; those that were only screened last."""
        options, objective, work = self._options, self._table.all.objective, self._table.all.work
        pairs = every_pair(self._table.model, objective.end, options.tap, options.target)
        fit, test = self._table.split()
        if len(pairs) == 1:
            if options.gated:
                self._screen(DeltaSite(fit, pairs[0]), test)
            return [self._untried(pairs[0])]
        told = dict[int, float]()
        for tap in sorted({tap for tap, _ in pairs}, reverse=True):  # the last ones are the cheapest
            if not told or work.has(self._how.screens):
                self._progress(f"looking at op {tap_name(tap)}")
                pair = next(pair for pair in pairs if pair[0] == tap)
                told[tap] = self._screen(DeltaSite(self._few(fit, pair), pair), self._few(test, pair))
        known = {tap: Screened(share) for tap, share in told.items()}
        screened = [replace(self._untried(pair), seen=known.get(pair[0], Untried())) for pair in pairs]
        screened.sort(key=lambda c: c.promise, reverse=True)
        direct = next((c for c in screened if DeltaSite(fit, c.pair).at_end), screened[0])
        chosen = list(dict.fromkeys([*screened[: self._how.tried - 1], direct, *screened]))[: self._how.tried]
        if direct.promise > screened[0].promise - self._how.near:
            chosen = list(dict.fromkeys([direct, *chosen]))
        tried: list[Candidate] = []
        for candidate in chosen:
            site = DeltaSite(fit, candidate.pair)
            if any(c.faultless for c in tried) or site.step_cost * self._how.fit_steps > work.left:
                break  # nothing could be better, or a trial would leave nothing to compare it with
            tried.append(self.trial(candidate))
        seen = {c.pair for c in tried}
        left = [candidate for candidate in screened if candidate.pair not in seen]
        return [*sorted(tried, key=lambda c: c.score, reverse=True), *left]

    def _few(self, table: Table, pair: tuple[int, int], most: float = math.inf) -> Table:
        """As many samples of a table as are looked at together at a tap.

        Args:
            most: multiplications that the ops after the target may take for all of them.
        """
        site = DeltaSite(table, pair)
        count = min(self._how.patches // (site.tap.positions * site.tap.n_in), most // max(1, site.suffix.cost))
        count = int(max(count, self._how.least))
        edits = max(count // 3, count - len(table.keep))
        edit = _spread(table.edit, self._table.groups, edits, self._options.seed)
        keep = _spread(table.keep, self._table.kinds, count - len(edit), self._options.seed)
        return table.part(edit, keep)

    @property
    def go_on(self) -> bool:
        """Whether more may be computed."""
        return self._table.all.work.has()

    def final(self, pair: tuple[int, int]) -> Made:
        """Trains on all examples."""
        self._progress(f"training tap {tap_name(pair[0])}, target {pair[1]}")
        table = self._table.all
        site, factors = self.factors.site(table, pair), self.factors
        enough = table.work.left > site.step_cost * (factors.config.solver.steps + factors.config.fit_steps)
        site = site if enough else factors.site(table, pair, FEW)
        steps = factors.config.solver.steps if enough else self._how.steps
        return factors.judged(site, *factors.train(site, steps, factors.config.fit_steps))

    def affords(self, pair: tuple[int, int], share: float) -> bool:
        """Whether two more trials of a pair stay within that share of what may be computed."""
        work, site = self._table.all.work, DeltaSite(self._table.all, pair)
        return work.has(share - 2 * self._how.fit_steps * site.step_cost / UNIT / work.bound)

    def tried(self, candidate: Candidate) -> Candidate:
        """A candidate with what a trial gave."""
        return candidate if isinstance(candidate.seen, Tried) else self.trial(candidate)

    def spread(self, pair: tuple[int, int]) -> FloatArray | None:
        """How much elements at the tap vary, float32[n_in]; None where an input has several positions there."""
        site = DeltaSite(self._table.all, pair)
        if site.tap.positions > 1 or not self._options.gated or pair[0] & OUTPUT:
            return None
        some = np.concatenate([part[: self._how.spread] for part in (site.table.edit, site.table.keep)])
        varies: FloatArray = site.whole.of(some).astype(np.float32).std(axis=(0, 1))
        return varies

    def _screen(self, site: DeltaSite, test: Table) -> float:
        """How well gates at a tap tell what they have not seen: share of edits that open, less that of others.

        Where the gates are to stand follows from it too.
        """
        gates = self.factors.gates(site, 1)
        own = self._table.groups[test.edit][:, None] == gates.group[None]
        best = -np.inf
        for place in self.factors.places:
            placed = replace(gates, place=place)
            opened = placed.opened(site.tapped, test.edit) > 0
            false = (placed.opened(site.tapped, test.keep) > 0).any(axis=1) if len(test.keep) else np.zeros(1)
            told = float((opened & own).any(axis=1).mean() - self.factors.config.search.false * false.mean())
            if told > best:
                best, self.factors.placed[site.pair[0]] = told, place
        return best

    def trial(self, candidate: Candidate) -> Candidate:
        """What a short training gives on inputs held back from it."""
        pair = candidate.pair
        fit, test = (self._few(table, pair, self._how.trial) for table in self._table.split())
        self._progress(f"trying tap {tap_name(pair[0])}, target {pair[1]}")
        delta, gates = self.factors.train(self.factors.site(fit, pair), self._how.steps, self._how.fit_steps)
        site = DeltaSite(test, pair)
        seen = Tried(
            recall=share(self.factors.good(site, delta, test.edit, edited=True)),
            close=share(self.factors.good(site, delta, test.keep, edited=False)),
            shut=share(self.factors.identical(site, delta, test.keep)),
            before=candidate.seen.before if isinstance(candidate.seen, Tried) else candidate.seen,
        )
        separable = None if gates is None else int(gates.separate.sum())
        return replace(candidate, factor_bytes=delta.factor_bytes, seen=seen, separable=separable)

    def _untried(self, pair: tuple[int, int]) -> Candidate:
        """A pair with what a delta of one factor for each group costs there."""
        tap, target = tap_geometry(self._table.model, pair[0]), op_geometry(self._table.model, pair[1])
        k = len(self._table.names) if self._options.gated else self.factors.rank
        row = tap.n_in if self.factors.form.bits == 8 else (tap.n_in + 1) // 2
        macs = k * (tap.positions * tap.n_in + 2 * target.positions * target.n_out)
        size = k * (9 + row + target.n_out)
        return Candidate(*pair, self._table.inputs, size, instructions=macs, weights=self._how.score)


def _spread(index: IntArray, kinds: IntArray, most: int, seed: int) -> IntArray:
    """At most so many samples, of every kind as many as of any other as long as there are some."""
    if len(index) <= most:
        return index
    index = np.random.default_rng(seed).permutation(index)
    order = np.argsort(kinds[index], kind="stable")
    sorted_ = kinds[index][order]
    turn = np.arange(len(index)) - np.searchsorted(sorted_, sorted_)
    return np.sort(index[order[np.argsort(turn, kind="stable")[:most]]])
