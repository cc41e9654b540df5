# SPDX-License-Identifier: Apache-2.0
"""Which op to read and which to change for edits of tensors: a screen of all pairs, short training of the best few.

The screen asks of every tap how well one gate tells the edits from what must stay, on inputs held back from it; that
takes no more than a linear fit. What a pair can do with the answer takes a column of B, trained for the best few, in
the order of what the screen promises, until nothing could be better or what may be computed is used up. Both look at
fewer examples where each takes long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.typing import BoolArray, FloatArray, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, with_deltas
from mcuedit.model.adaptable import op_geometry
from mcuedit.training.core import solver
from mcuedit.training.core.delta_site import FEW, DeltaSite, Table
from mcuedit.training.core.gates import FALSE, PLACES, Gates, Task, find_gates
from mcuedit.training.core.placement import Candidate, Screened, Tried, Untried, every_pair
from mcuedit.training.examples.tensors import TensorTable
from mcuedit.training.methods.low_rank import Fit, LowRank
from mcuedit.training.options import Options
from mcuedit.training.problem import Progress
from mcuedit.training.work import UNIT

_CHUNK, _LOOKED_AT = 64, 512  # rows looked at together, and of either kind for how much they vary
_PATCHES, _TRIAL, _LEAST = 1 << 24, 1 << 29, 96  # elements at a tap, multiplications, and inputs of a screen or trial


@dataclass(frozen=True)
class TrialConfig:
    """How a place is chosen, and a delta trained there.

    Attributes:
        tried: pairs that are trained for a trial.
        trial_steps, steps: for a column of B, in a trial and at the place taken.
        fit_trial_steps, fit_steps: the same for A and B together.
        good: share of edits, and of kept answers, that need no second way.
        rank, most: where the user leaves it open: gates of a group, and factors that many groups share.
        screens: share of what may be computed that screens take.
        near: promises that differ by less are no different.
    """

    tried: int = 4
    trial_steps: int = 16
    steps: int = 60
    fit_trial_steps: int = 30
    fit_steps: int = 60
    good: float = 0.97
    rank: int = 4
    most: int = 16
    screens: float = 0.5
    near: float = 0.02


@dataclass(frozen=True)
class Form:
    """How A is stored: bits of an element, and its window in the rows of the tap, None for whole rows."""

    bits: int
    seen: slice | None = None


@dataclass(frozen=True)
class Made:
    """A delta and how it does on what it was trained on.

    Attributes:
        efficacy: share of the edited inputs that get what is wanted. missed: rows of those that do not.
        stays: share of the kept inputs whose answer stays.
        separable: edits whose gates open on nothing else. overlapping: names of the other ones.
    """

    delta: Delta
    efficacy: float
    missed: tuple[int, ...]
    stays: float
    separable: int
    overlapping: tuple[str, ...]

    def does_as(self, other: Made) -> bool:
        """Whether nothing of it is less than that of another one."""
        return all(getattr(self, of) >= getattr(other, of) for of in ("efficacy", "stays", "separable"))


class Trials:
    """Trains deltas on one table.

    Attributes:
        bits: of an element of A, None if that was left open.
        form: of A, in what is trained now.
        good: share of edits, and of kept answers, that need no second way.
    """

    def __init__(
        self, table: TensorTable, options: Options, how: tuple[TrialConfig, LowRank], progress: Progress
    ) -> None:
        self._table, self._options, self._progress = table, options, progress
        self._how, self._shared = how
        self.good = self._how.good
        self._places = PLACES if options.gate_place is None else (options.gate_place,)
        self._placed: dict[int, float] = {}  # by tap
        self._rank = options.rank or self._how.rank
        self.bits, self.form = options.bits, Form(options.width)

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
                self._progress(f"looking at op {tap}")
                pair = next(pair for pair in pairs if pair[0] == tap)
                told[tap] = self._screen(DeltaSite(self._few(fit, pair), pair), self._few(test, pair))
        known = {tap: Screened(share) for tap, share in told.items()}
        screened = [replace(self._untried(pair), seen=known.get(pair[0], Untried())) for pair in pairs]
        screened.sort(key=lambda c: c.promise, reverse=True)
        direct = next((c for c in screened if DeltaSite(fit, (c.tap, c.target)).at_end), screened[0])
        chosen = list(dict.fromkeys([*screened[: self._how.tried - 1], direct, *screened]))[: self._how.tried]
        if direct.promise > screened[0].promise - self._how.near:
            chosen = list(dict.fromkeys([direct, *chosen]))
        tried: list[Candidate] = []
        for candidate in chosen:
            site = DeltaSite(fit, (candidate.tap, candidate.target))
            if any(c.faultless for c in tried) or site.step_cost * self._how.fit_trial_steps > work.left:
                break  # nothing could be better, or a trial would leave nothing to compare it with
            tried.append(self.trial(candidate))
        seen = {(c.tap, c.target) for c in tried}
        left = [candidate for candidate in screened if (candidate.tap, candidate.target) not in seen]
        return [*sorted(tried, key=lambda c: c.score, reverse=True), *left]

    def _few(self, table: Table, pair: tuple[int, int], most: float = math.inf) -> Table:
        """As many rows of a table as are looked at together at a tap.

        Args:
            most: multiplications that the ops after the target may take for all of them.
        """
        site = DeltaSite(table, pair)
        count = min(_PATCHES // (site.tap.rows * site.tap.n_in), most // max(1, site.suffix.cost))
        count = int(max(count, _LEAST))
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
        self._progress(f"training tap {pair[0]}, target {pair[1]}")
        table = self._table.all
        site = DeltaSite(table, pair, self.form.seen)
        enough = table.work.left > site.step_cost * (self._how.steps + self._how.fit_steps)
        site = site if enough else DeltaSite(table, pair, self.form.seen, FEW)
        delta, gates = self._train(site, self._how.steps if enough else self._how.trial_steps, self._how.fit_steps)
        good = self._good(site, delta, self._table.own, edited=True)
        stays = self._good(site, delta, table.keep, edited=False)
        groups, separate = range(len(self._table.names)), set[int]()
        if gates is not None:
            separate = {g for g in groups if gates.separate[gates.group == g].all()}
        named = [self._table.names[g] for g in groups if g not in separate] if gates is not None else []
        own = self._table.groups[self._table.own]
        return Made(
            delta,
            _share(good),
            tuple(np.flatnonzero(~good).tolist()),
            _share(stays),
            int(np.isin(own, list(separate)).sum()),
            tuple(named),
        )

    def affords(self, pair: tuple[int, int], share: float) -> bool:
        """Whether two more trials of a pair stay within that share of what may be computed."""
        work, site = self._table.all.work, DeltaSite(self._table.all, pair)
        return work.has(share - 2 * self._how.fit_trial_steps * site.step_cost / UNIT / work.bound)

    def tried(self, candidate: Candidate) -> Candidate:
        """A candidate with what a trial gave."""
        return candidate if isinstance(candidate.seen, Tried) else self.trial(candidate)

    def spread(self, pair: tuple[int, int]) -> FloatArray | None:
        """How much elements at the tap vary, float32[n_in]; None where an input has several rows there."""
        site = DeltaSite(self._table.all, pair)
        if site.tap.rows > 1 or not self._options.gated:
            return None
        some = np.concatenate([rows[:_LOOKED_AT] for rows in (site.table.edit, site.table.keep)])
        varies: FloatArray = site.whole.of(some).astype(np.float32).std(axis=(0, 1))
        return varies

    def _train(self, site: DeltaSite, steps: int, fit_steps: int) -> tuple[Delta, Gates | None]:
        """A delta for the rows that the site's table has in use.

        Gates that are shut on all that must stay come first. Where there are none, or too little comes of them, A is
        trained together with B.
        """
        options, table = self._options, site.table
        first: tuple[Delta, Gates] | None = None
        if options.gated:
            gates = self._gates(site, self._rank)
            if site.tap.rows == 1 or gates.separate.all():
                seed = options.seed
                first = solver.gated(site, gates, self._table.groups, self.form.bits, steps, seed), gates
                if self._share_of_good(site, first[0], table.edit, table.keep) >= self.good or self.form.seen:
                    return first
        rank = options.rank or min(max(self._how.rank, len(self._table.names)), self._how.most)
        asked = replace(options, rank=rank, bits=self.form.bits)
        fitted = Fit(site, asked, self._shared, len(table.edit)).run(fit_steps)
        if first is not None:
            one, other = (self._share_of_good(site, d, table.edit, table.keep) for d in (first[0], fitted))
            if one >= other:
                return first
        return fitted, None

    def _share_of_good(self, site: DeltaSite, delta: Delta, edit: IntArray, keep: IntArray) -> float:
        """The smaller of two shares: of edits that get what is wanted, and of kept inputs that stay."""
        good = self._good(site, delta, edit, edited=True), self._good(site, delta, keep, edited=False)
        return min(map(_share, good))

    def _gates(self, site: DeltaSite, rank: int) -> Gates:
        edit, groups = site.table.edit, self._table.groups
        fire = [edit[groups[edit] == g] for g in range(len(self._table.names))]
        task = Task(fire, site.table.keep, self._table.kinds)
        place = self._placed.get(site.pair[0], self._places[0])
        return find_gates(site.tapped, task, self.form.bits, place, rank, self._options.seed)

    def _screen(self, site: DeltaSite, test: Table) -> float:
        """How well gates at a tap tell what they have not seen: share of edits that open, less that of others.

        Where the gates are to stand follows from it too.
        """
        gates = self._gates(site, 1)
        own = self._table.groups[test.edit][:, None] == gates.group[None]
        best = -np.inf
        for place in self._places:
            placed = replace(gates, place=place)
            opened = placed.opened(site.tapped, test.edit) > 0
            false = (placed.opened(site.tapped, test.keep) > 0).any(axis=1) if len(test.keep) else np.zeros(1)
            share = float((opened & own).any(axis=1).mean() - FALSE * false.mean())
            if share > best:
                best, self._placed[site.pair[0]] = share, place
        return best

    def trial(self, candidate: Candidate) -> Candidate:
        """What a short training gives on inputs held back from it."""
        pair = candidate.pair
        fit, test = (self._few(table, pair, _TRIAL) for table in self._table.split())
        self._progress(f"trying tap {pair[0]}, target {pair[1]}")
        delta, gates = self._train(
            DeltaSite(fit, pair, self.form.seen), self._how.trial_steps, self._how.fit_trial_steps
        )
        site = DeltaSite(test, pair)
        seen = Tried(
            recall=_share(self._good(site, delta, test.edit, edited=True)),
            close=_share(self._good(site, delta, test.keep, edited=False)),
            shut=_share(self._identical(site, delta, test.keep)),
            before=candidate.seen.before if isinstance(candidate.seen, Tried) else candidate.seen,
        )
        separable = None if gates is None else int(gates.separate.sum())
        return replace(candidate, factor_bytes=delta.factor_bytes, seen=seen, separable=separable)

    def _good(self, site: DeltaSite, delta: Delta, rows: IntArray, *, edited: bool) -> BoolArray:
        """Which rows are as they should be: bool[m]."""
        objective, good = site.table.objective, [np.zeros(0, bool)]
        for index, now in self._with(site, delta, rows):
            values = now.values[objective.end].reshape(len(index), -1)
            good.append((objective.edited if edited else objective.kept)(values, index).good)
        return np.concatenate(good)

    def _identical(self, site: DeltaSite, delta: Delta, rows: IntArray) -> BoolArray:
        """Which rows have the output bytes that they have without the delta: bool[m]."""
        output, same = self._table.model.outputs[0], [np.zeros(0, bool)]
        for index, now in self._with(site, delta, rows):
            before = self._table.all.now.values[output][index]
            same.append((now.values[output] == before).reshape(len(index), -1).all(axis=1))
        return np.concatenate(same)

    def _with(self, site: DeltaSite, delta: Delta, rows: IntArray) -> Iterator[tuple[IntArray, Trace]]:
        for start in range(0, len(rows), _CHUNK):
            index = rows[start : start + _CHUNK]
            site.table.work.add(len(index) * site.suffix.cost)
            yield index, with_deltas(self._table.model, [delta], self._table.all.now.take(index))

    def _untried(self, pair: tuple[int, int]) -> Candidate:
        """A pair with what a delta of one factor for each group costs there."""
        tap, target = (op_geometry(self._table.model, index) for index in pair)
        k = len(self._table.names) if self._options.gated else self._rank
        row = tap.n_in if self.form.bits == 8 else (tap.n_in + 1) // 2
        macs = k * (tap.rows * tap.n_in + 2 * target.rows * target.n_out)
        return Candidate(*pair, self._table.inputs, k * (9 + row + target.n_out), instructions=macs)


def _spread(rows: IntArray, kinds: IntArray, most: int, seed: int) -> IntArray:
    """At most so many rows, of every kind as many as of any other as long as there are some."""
    if len(rows) <= most:
        return rows
    rows = np.random.default_rng(seed).permutation(rows)
    order = np.argsort(kinds[rows], kind="stable")
    sorted_ = kinds[rows][order]
    turn = np.arange(len(rows)) - np.searchsorted(sorted_, sorted_)
    return np.sort(rows[order[np.argsort(turn, kind="stable")[:most]]])


def _share(good: BoolArray) -> float:
    return float(good.mean()) if len(good) else 1.0
