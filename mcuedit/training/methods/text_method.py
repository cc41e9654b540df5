# SPDX-License-Identifier: Apache-2.0
"""From a table of examples to deltas and their certificate."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, logits_tensor, with_deltas
from mcuedit.edits import ToClass
from mcuedit.evaluation.certificate import Certificate, certify
from mcuedit.model.adaptable import tap_name, tap_tensor
from mcuedit.model.tflite import Model
from mcuedit.training.core.candidate import Candidate, ScoreConfig
from mcuedit.training.core.delta_site import Table
from mcuedit.training.core.gate_trainer import GateConfig
from mcuedit.training.core.objective import Objective, ObjectiveConfig
from mcuedit.training.core.solver import SolverConfig
from mcuedit.training.core.suffix import Suffix
from mcuedit.training.examples.text import Examples, NoiseConfig
from mcuedit.training.factors import gated, low_rank
from mcuedit.training.factors.low_rank import LowRank
from mcuedit.training.options import Options
from mcuedit.training.placement.pairs import logits_op, pairs
from mcuedit.training.placement.simulated_edits import SimulationConfig
from mcuedit.training.problem import Problem


@dataclass(frozen=True)
class Config(Options):
    """How edits of text are trained.

    Attributes:
        noise: copies that gates are trained on. gates: how they are trained.
        solver: of a column of B, where ops follow the target.
        shared: of one delta for all edits, which a rank above 1 and plain factors ask for. objective: of that.
        simulation: of edits, by which a place is chosen. score: by what places are compared without it.
    """

    noise: NoiseConfig = field(default_factory=NoiseConfig)
    gates: GateConfig = field(default_factory=GateConfig)
    solver: SolverConfig = field(default_factory=lambda: SolverConfig(steps=200, idle=None))
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    shared: LowRank = field(default_factory=LowRank)


@dataclass(frozen=True)
class Made:
    """Deltas and what is to be told of them."""

    deltas: list[Delta]
    certificate: Certificate
    overlapping: tuple[str, ...]
    placement: tuple[Candidate, ...]
    notes: tuple[str, ...]
    seconds: float


class TextMethod:
    """Trains on one table of examples."""

    def __init__(self, problem: Problem, config: Config, names: Sequence[str]) -> None:
        """`names` are those of the edits."""
        self._reader = problem.reader
        self._model: Model = problem.reader.base.model
        self._options = config
        self._context = problem.context()
        self._names = names
        self._progress = problem.progress

    def make(
        self,
        table: Examples,
        fresh: Callable[[], Examples],
        placed: Sequence[Candidate],
        aside: Collection[str] = (),
    ) -> Made:
        """Trains and certifies; inputs named `aside` have answers that are not the base's, by an earlier edit."""
        start = time.perf_counter()
        tried = [placed[0].pair] if placed else pairs(self._model, self._options.tap, self._options.target)
        self._progress("running the base")
        base = Trace(self._reader(table.inputs))
        now = with_deltas(self._model, self._context, base)
        if self._options.gated and self._options.factors == 1:
            deltas, overlapping, candidates = self._gated(table, fresh, base, now, tried)
        else:
            deltas, overlapping, candidates = self._shared(table, now, tried)
        if placed:
            taken = replace(candidates[0], seen=placed[0].seen)
            candidates = (taken, *placed[1:])
        self._progress("checking every byte")
        stay = np.flatnonzero(table.clean & (table.owner < 0))
        clean = [i for i in stay.tolist() if table.names[i] not in aside]
        names = [table.names[i] for i in clean]
        kept = certify(self._model, [*self._context, *deltas], base.take(np.array(clean, np.int64)), names)
        seconds = time.perf_counter() - start
        return Made(deltas, kept, overlapping, candidates, self._notes(kept, overlapping), seconds)

    def _gated(
        self,
        table: Examples,
        fresh: Callable[[], Examples],
        base: Trace,
        now: Trace,
        tried: Sequence[tuple[int, int]],
    ) -> tuple[list[Delta], tuple[str, ...], tuple[Candidate, ...]]:
        options, model = self._options, self._model
        trial = fresh() if len(tried) > 1 else None
        unseen = with_deltas(model, self._context, Trace(self._reader(trial.inputs))) if trial else None
        logits = [of.values[logits_tensor(model)].reshape(len(now), -1) for of in (base, now)]
        found = []
        for pair in tried:
            self._progress(f"training gates at op {tap_name(pair[0])}")
            asks = pair[1] == logits_op(model)
            rivals = None
            if asks:
                columns = gated.logit_columns(table, *logits)
                rivals = gated.rivals(columns, *logits)
            else:
                suffix, margin = Suffix(model, pair[1], logits_tensor(model)), options.objective.margin
                columns = gated.solved_columns(table, now, suffix, options.solver, margin, options.seed)
            gates = gated.train(table, self._tapped(now, pair[0]), options, options.gates, rivals)
            made = gated.deltas(model, gates, options.width, columns, pair, conditional=asks)
            size = sum(d.factor_bytes for d in made)
            separable, weights = int(gates.separate.sum()), options.score
            candidate = Candidate(*pair, len(made), size, separable=separable, weights=weights)
            if trial and unseen:
                candidate = gated.trial(candidate, made, trial, self._tapped(unseen, pair[0]))
            found.append((candidate, gates, made))
        found.sort(key=lambda f: f[0].score, reverse=True)
        _, gates, made = found[0]
        overlapping = tuple(n for n, ok in zip(self._names, gates.separate, strict=True) if not ok)
        return made, overlapping, tuple(candidate for candidate, _, _ in found)

    def _shared(
        self, table: Examples, now: Trace, tried: Sequence[tuple[int, int]]
    ) -> tuple[list[Delta], tuple[str, ...], tuple[Candidate, ...]]:
        edit = np.flatnonzero(table.owner >= 0)
        keep = np.flatnonzero((table.owner < 0) & table.stay)
        wanted = ToClass(table.classes[table.owner[edit]])
        before = now.values[logits_tensor(self._model)].reshape(len(now), -1)
        objective = Objective(self._model, wanted, edit, before, self._options.objective)
        samples = Table(self._model, now, objective, edit, keep)
        made, candidates = low_rank.train(
            samples, tried, len(table.classes), (self._options, self._options.shared), self._progress
        )
        return made, (), candidates

    def _tapped(self, trace: Trace, tap: int) -> Int8Array:
        values = trace.values[tap_tensor(self._model, tap)]
        return values.reshape(len(values), -1)

    def _notes(self, kept: Certificate, overlapping: Sequence[str]) -> tuple[str, ...]:
        notes = []
        if overlapping:
            notes.append(
                f"{len(overlapping)} gates overlap with inputs that must stay ({', '.join(overlapping[:5])}): "
                "they open on all of their edit's prompts, and on some others"
            )
        if not kept.holds and self._options.gated:
            shown = ", ".join(repr(n) for n in kept.touched[:5])
            notes.append(f"{len(kept.touched)} keep inputs are touched: {shown}")
        return tuple(notes)
