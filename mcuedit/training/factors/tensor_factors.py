# SPDX-License-Identifier: Apache-2.0
"""Factors for edits of tensors, at one pair of tap and target: gates with a solved B first, A together with B else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.typing import BoolArray, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, whole_output, with_deltas
from mcuedit.training.core import solver
from mcuedit.training.core.delta_site import BATCH, DeltaSite, Table
from mcuedit.training.core.gates import GateForm, Gates, SearchConfig, Task, find_gates
from mcuedit.training.core.solver import SolverConfig
from mcuedit.training.examples.tensors import TensorTable
from mcuedit.training.factors.low_rank import Fit, LowRank
from mcuedit.training.options import Options

_CHUNK = 64  # inputs looked at together, which bounds memory


@dataclass(frozen=True)
class FactorConfig:
    """How a delta is trained at a place.

    Attributes:
        fit_steps: for A and B together.
        good: share of edits, and of kept answers, that need no second way.
        rank, most: where the user leaves it open: gates of a group, and factors that many groups share.
        search: how gates are found. solver: how their columns of B are.
        shared: of A and B trained together, where gates alone do not do.
    """

    fit_steps: int = 60
    good: float = 0.97
    rank: int = 4
    most: int = 16
    search: SearchConfig = field(default_factory=SearchConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)
    shared: LowRank = field(default_factory=LowRank)


@dataclass(frozen=True)
class Form:
    """How A is stored: bits of an element, and its window in the input of the tap, None for all of it."""

    bits: int
    seen: slice | None = None


@dataclass(frozen=True)
class Made:
    """A delta and how it does on what it was trained on.

    Attributes:
        efficacy: share of the edited inputs that get what is wanted. missed: which do not.
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


class TensorFactors:
    """Trains deltas on one table.

    Attributes:
        config: how.
        form: of A, in what is trained now.
        rank: gates of a group.
        places: of gates between what must stay and what is edited, that may be tried.
        placed: what was chosen of them, by tap; the first where nothing was.
    """

    def __init__(self, table: TensorTable, options: Options, config: FactorConfig) -> None:
        self._table, self._options, self.config = table, options, config
        self.places = config.search.places if options.gate_place is None else (options.gate_place,)
        self.placed: dict[int, float] = {}
        self.rank = options.rank or config.rank
        self.form = Form(options.width)

    def site(self, table: Table, pair: tuple[int, int], most: int = BATCH) -> DeltaSite:
        """A pair as what is trained now sees it."""
        return DeltaSite(table, pair, self.form.seen, most)

    def train(self, site: DeltaSite, steps: int, fit_steps: int) -> tuple[Delta, Gates | None]:
        """A delta for the inputs that the site's table has in use.

        Gates that are shut on all that must stay come first. Where there are none, or too little comes of them, A is
        trained together with B.
        """
        options, table, config = self._options, site.table, self.config
        first: tuple[Delta, Gates] | None = None
        if options.gated:
            gates = self.gates(site, self.rank)
            if site.tap.positions == 1 or gates.separate.all():
                how, seed = replace(config.solver, steps=steps), options.seed
                first = solver.gated(site, gates, self._table.groups, self.form.bits, how, seed), gates
                if self._worst(site, first[0]) >= config.good or self.form.seen:
                    return first
        rank = options.rank or min(max(config.rank, len(self._table.names)), config.most)
        asked = replace(options, rank=rank, bits=self.form.bits)
        fitted = Fit(site, asked, config.shared, len(table.edit)).run(fit_steps)
        if first is not None and self._worst(site, first[0]) >= self._worst(site, fitted):
            return first
        return fitted, None

    def gates(self, site: DeltaSite, rank: int) -> Gates:
        """Up to `rank` gates for each group of edits."""
        edit, groups = site.table.edit, self._table.groups
        fire = [edit[groups[edit] == g] for g in range(len(self._table.names))]
        task = Task(fire, site.table.keep, self._table.kinds)
        form = GateForm(self.form.bits, self.placed.get(site.pair[0], self.places[0]))
        return find_gates(site.tapped, task, form, rank, self.config.search, self._options.seed)

    def judged(self, site: DeltaSite, delta: Delta, gates: Gates | None) -> Made:
        """What was trained, with how it does on the whole table."""
        good = self.good(site, delta, self._table.own, edited=True)
        stays = self.good(site, delta, site.table.keep, edited=False)
        groups, separate = range(len(self._table.names)), set[int]()
        if gates is not None:
            separate = {g for g in groups if gates.separate[gates.group == g].all()}
        named = [self._table.names[g] for g in groups if g not in separate] if gates is not None else []
        own = self._table.groups[self._table.own]
        return Made(
            delta,
            share(good),
            tuple(np.flatnonzero(~good).tolist()),
            share(stays),
            int(np.isin(own, list(separate)).sum()),
            tuple(named),
        )

    def good(self, site: DeltaSite, delta: Delta, index: IntArray, *, edited: bool) -> BoolArray:
        """Which inputs are as they should be: bool[m]."""
        objective, good = site.table.objective, [np.zeros(0, bool)]
        for some, now in self._with(site, delta, index):
            values = now.values[objective.end].reshape(len(some), -1)
            good.append((objective.edited if edited else objective.kept)(values, some).good)
        return np.concatenate(good)

    def identical(self, site: DeltaSite, delta: Delta, index: IntArray) -> BoolArray:
        """Which inputs have the output bytes that they have without the delta: bool[m]."""
        model, same = self._table.model, [np.zeros(0, bool)]
        for some, now in self._with(site, delta, index):
            before = whole_output(model, self._table.all.now.take(some))
            same.append((whole_output(model, now) == before).all(axis=1))
        return np.concatenate(same)

    def _worst(self, site: DeltaSite, delta: Delta) -> float:
        """The smaller of two shares: of edits that get what is wanted, and of kept inputs that stay."""
        edit, keep = site.table.edit, site.table.keep
        good = self.good(site, delta, edit, edited=True), self.good(site, delta, keep, edited=False)
        return min(map(share, good))

    def _with(self, site: DeltaSite, delta: Delta, index: IntArray) -> Iterator[tuple[IntArray, Trace]]:
        for start in range(0, len(index), _CHUNK):
            some = index[start : start + _CHUNK]
            site.table.work.add(len(some) * site.suffix.cost)
            yield some, with_deltas(self._table.model, [delta], self._table.all.now.take(some))


def share(good: BoolArray) -> float:
    """1 of none."""
    return float(good.mean()) if len(good) else 1.0
