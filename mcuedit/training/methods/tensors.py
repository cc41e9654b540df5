# SPDX-License-Identifier: Apache-2.0
"""From an edit set of tensors to an adapter: choose where, train gates or a plain delta there, certify."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.forward import Trace, answers, logits_tensor
from mcuedit.edits import Over, TensorSet, ToClass, ToVector
from mcuedit.evaluation.certificate import Certificate, certify
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import Model
from mcuedit.training.core.candidate import Candidate, Tried
from mcuedit.training.edited import Edited, of_tensors
from mcuedit.training.examples.tensors import TableConfig, TensorTable
from mcuedit.training.factors.tensor_factors import FactorConfig, Made, TensorFactors
from mcuedit.training.options import Options
from mcuedit.training.placement.narrowing import NarrowingConfig, narrowed
from mcuedit.training.placement.pairs import logits_op
from mcuedit.training.placement.trials import TrialConfig, Trials
from mcuedit.training.problem import Problem
from mcuedit.training.wishes import acting, all_given
from mcuedit.training.work import Work

_CHUNK = 256  # kept inputs certified together


@dataclass(frozen=True)
class Config(Options):
    """How edits of tensors are trained.

    Attributes:
        table: which inputs are looked at. trials: how a place is chosen. delta: how one is trained there.
        narrowing: when and how it is made smaller.
        few: answers that edits which want the same may have today, for a delta that acts only on these.
    """

    table: TableConfig = field(default_factory=TableConfig)
    narrowing: NarrowingConfig = field(default_factory=NarrowingConfig)
    trials: TrialConfig = field(default_factory=TrialConfig)
    delta: FactorConfig = field(default_factory=FactorConfig)
    few: int = 3


def fit(problem: Problem, config: Config) -> Edited:
    """Trains one adapter from input tensors and what they are to be answered.

    Raises:
        McueditError: nothing can carry the edits, or an adapter is for another base.
    """
    start = time.perf_counter()
    reader, data, context = problem.reader, problem.tensors, problem.context()
    model = reader.base.model
    problem.progress("running the base")
    if all(acting(reader, data, deltas).holds for deltas in ([], context)):
        return _nothing(problem, config)
    table, trials = _trials(problem, config)
    ranking = list(problem.placed or trials.ranking())
    made, at = _best(trials, ranking)
    taken = ranking.pop(at)
    made = narrowed(trials, made, taken, config.narrowing)
    options = replace(config, bits=trials.factors.form.bits)
    taken = replace(taken, factor_bytes=made.delta.factor_bytes, separable=made.separable)
    made = _conditional(made, problem, config)
    problem.progress("checking every byte")
    kept = _certify(reader, model, [*context, made.delta], data)
    notes = (*data.notes, *table.notes, *_notes(made, kept, options))
    name = options.name, options.version, model.sha256
    adapter = Adapter(*name, (made.delta,), {}, {"options": options.remembered()})
    wanted = data.wanted
    classes = wanted.classes if isinstance(wanted, ToClass | Over) else np.zeros(0, np.int64)
    return Edited(
        adapter,
        *of_tensors(data.source),
        np.unique(classes),
        notes,
        time.perf_counter() - start,
        kept,
        acting(reader, data, [*context, made.delta], [*(a.name for a in problem.active), options.name]),
        overlapping=made.overlapping,
        placement=(taken, *ranking),
        answers=not isinstance(data.wanted, ToVector),
    )


def place_tensors(problem: Problem, options: Options | None = None) -> tuple[Candidate, ...]:
    """The pairs of tap and target, the best first, with what a trial of each gave; those that were only screened last.

    Raises:
        McueditError: as `fit`.
    """
    config = (options or Options()).of(Config)
    problem.progress("running the base")
    return tuple(_trials(problem, config)[1].ranking())


def _trials(problem: Problem, config: Config) -> tuple[TensorTable, Trials]:
    work = Work(config.effort, problem.advance)
    table = TensorTable(problem.reader, problem.tensors, problem.context(), config.table, config.seed, work)
    factors = TensorFactors(table, config, config.delta)
    return table, Trials(table, factors, config, config.trials, problem.progress)


def _nothing(problem: Problem, options: Options) -> Edited:
    """Without a delta: the base does what is wanted."""
    reader, data = problem.reader, problem.tensors
    model = reader.base.model
    adapter = Adapter(options.name, options.version, model.sha256, (), {}, {"options": options.remembered()})
    kept = _certify(reader, model, [], data)
    acts = acting(reader, data, [], [a.name for a in problem.active])
    notes = (*data.notes, all_given(data))
    empty = (*of_tensors(data.source), np.zeros(0, np.int64))
    return Edited(adapter, *empty, notes, 0.0, kept, acts, answers=not isinstance(data.wanted, ToVector))


def _best(trials: Trials, ranking: Sequence[Candidate]) -> tuple[Made, int]:
    """Trains on everything at the first place, and at the next ones only where that is not good enough."""
    best: tuple[float, Made, int] | None = None
    good = trials.factors.config.good
    for at, candidate in enumerate(ranking):
        if best is not None and (not isinstance(candidate.seen, Tried) or not trials.go_on):
            break  # was not thought worth a trial, or there is no more to be computed
        made = trials.final(candidate.pair)
        score = min(made.efficacy, good) + min(made.stays, good)
        if best is None or score > best[0]:
            best = score, made, at
        if score == 2 * good:
            break
    assert best is not None
    return best[1], best[2]


def _conditional(made: Made, problem: Problem, config: Config) -> Made:
    """The delta made conditional, where it lowers the answers that the edits have today, and those are few.

    An answer that one input alone has among several is as good as chance: inputs to come may have yet another one.
    """
    reader, data, context, delta = problem.reader, problem.tensors, problem.context(), made.delta
    model = reader.base.model
    if isinstance(data.wanted, ToVector) or not delta.gated or delta.target != logits_op(model):
        return made
    today, groups = answers(reader(data.x)[logits_tensor(model)]), data.wanted.groups()
    for group in range(int(groups.max()) + 1):
        counts = np.unique(today[groups == group], return_counts=True)[1]
        if len(counts) > config.few or (len(counts) > 1 and counts.min() < 2):
            return made
    asks = replace(delta, conditional=True)
    plain, conditional = (acting(reader, data, [*context, one]).right for one in (delta, asks))
    return replace(made, delta=asks) if conditional == plain else made


def _certify(reader: Reader, model: Model, deltas: Sequence[Delta], data: TensorSet) -> Certificate:
    total, identical, answered, touched = 0, 0, 0, list[str]()
    for start in range(0, len(data.keep), _CHUNK):
        some = data.keep[start : start + _CHUNK]
        part = certify(model, deltas, Trace(reader(some)), [f"keep[{start + i}]" for i in range(len(some))])
        total, identical, answered = total + part.total, identical + part.identical, answered + part.answered
        touched += part.touched
    return Certificate(total, identical, tuple(touched), answered)


def _notes(made: Made, kept: Certificate, options: Options) -> list[str]:
    """What the user should be told, and the way out."""
    notes = []
    if made.overlapping:
        notes.append(
            f"{len(made.overlapping)} gates overlap with inputs that must stay ({', '.join(made.overlapping[:5])}): "
            "they miss some of their edits or open on others"
        )
    if made.missed:
        shown = ", ".join(map(str, made.missed[:5])) + (", ..." if len(made.missed) > 5 else "")
        notes.append(
            f"{len(made.missed)} edited inputs do not get what is wanted (of those looked at: {shown}): "
            "try another --tap and --target, a higher --rank, or --plain"
        )
    if made.delta.conditional:
        notes.append("the delta is conditional: it acts only where the base gives an answer that the edits take away")
    if not kept.holds and options.gated:
        shown = ", ".join(kept.touched[:5])
        notes.append(f"{len(kept.touched)} keep inputs are touched: {shown}")
    return notes
