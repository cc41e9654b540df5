# SPDX-License-Identifier: Apache-2.0
"""From an edit set of tensors to an adapter: choose where, train gates or a plain delta there, certify."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mcuedit.adapter.delta import Adapter, Delta, check_adapter
from mcuedit.adapter.forward import Trace
from mcuedit.edits import EditSet, KeepSet, TensorSet
from mcuedit.evaluation.acting import Acting
from mcuedit.evaluation.certificate import Certificate, certify
from mcuedit.evaluation.tensors import MeasureTensors
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import Model
from mcuedit.training.core.narrowing import narrowed
from mcuedit.training.core.placement import Candidate
from mcuedit.training.core.tensor_placement import GOOD, Made, Trials
from mcuedit.training.core.text_method import Progress
from mcuedit.training.examples.tensors import TensorTable
from mcuedit.training.options import Options
from mcuedit.training.train import Trained, plain
from mcuedit.training.work import Work

_CHUNK = 256  # kept inputs certified together


def train_tensors(
    reader: Reader,
    data: TensorSet,
    options: Options | None = None,
    *,
    active: Sequence[Adapter] = (),
    placed: Sequence[Candidate] = (),
    progress: Progress = lambda step: None,
    advance: Callable[[float], None] = lambda units: None,
) -> Trained:
    """Trains one adapter from input tensors and what they are to be answered.

    Args:
        active: adapters that will be in force beside the new one; it is trained knowing them.
        advance: is told the units of every step of what `Options.effort` bounds.
        placed: what `place_tensors` returned for this set and these options; it is called if nothing is given.

    Raises:
        McueditError: nothing can carry the edits, or an adapter is for another base.
    """
    start = time.perf_counter()
    options = options or Options()
    model, context = reader.base.model, _context(reader, active)
    progress("running the base")
    if all(_act(reader, data, deltas).holds for deltas in ([], context)):
        return _nothing(reader, data, options, active)
    table = TensorTable(reader, data, context, options.seed, Work(options.effort, advance))
    trials = Trials(table, options, progress)
    ranking = list(placed or trials.ranking())
    made, at = _best(trials, ranking)
    taken = ranking.pop(at)
    made = narrowed(trials, made, taken)
    options = replace(options, bits=trials.form.bits)
    taken = replace(taken, factor_bytes=made.delta.factor_bytes, separable=made.separable)
    progress("checking every byte")
    kept = _certify(reader, model, [*context, made.delta], data)
    notes = (*data.notes, *table.notes, *_notes(made, kept, options))
    name = options.name, options.version, model.sha256
    adapter = Adapter(*name, (made.delta,), {}, {"options": plain(options)})
    empty = EditSet((), data.source), KeepSet((), (), data.source)
    classes = data.wanted.classes if data.wanted.classes is not None else np.zeros(0, np.int64)
    acting = _act(reader, data, [*context, made.delta], [*(a.name for a in active), options.name])
    seconds = time.perf_counter() - start
    by, tried = data.wanted.vectors is None, (taken, *ranking)
    classes = np.unique(classes)
    return Trained(adapter, *empty, classes, kept, made.overlapping, tried, notes, seconds, acting, answers=by)


def place_tensors(
    reader: Reader,
    data: TensorSet,
    options: Options | None = None,
    *,
    active: Sequence[Adapter] = (),
    progress: Progress = lambda step: None,
    advance: Callable[[float], None] = lambda units: None,
) -> tuple[Candidate, ...]:
    """The pairs of tap and target, the best first, with what a trial of each gave; those that were only screened last.

    Raises:
        McueditError: as `train_tensors`.
    """
    options = options or Options()
    progress("running the base")
    table = TensorTable(reader, data, _context(reader, active), options.seed, Work(options.effort, advance))
    return tuple(Trials(table, options, progress).ranking())


def _nothing(reader: Reader, data: TensorSet, options: Options, active: Sequence[Adapter]) -> Trained:
    """Without a delta: the base does what is wanted."""
    model = reader.base.model
    adapter = Adapter(options.name, options.version, model.sha256, (), {}, {"options": plain(options)})
    kept, acting = _certify(reader, model, [], data), _act(reader, data, [], [a.name for a in active])
    notes = (*data.notes, f"{data.source}: the base does what is wanted of all {len(data.x)} inputs: nothing to train")
    empty = EditSet((), data.source), KeepSet((), (), data.source), np.zeros(0, np.int64)
    return Trained(adapter, *empty, kept, (), (), notes, 0.0, acting, answers=data.wanted.vectors is None)


def _act(reader: Reader, data: TensorSet, deltas: Sequence[Delta], together: Sequence[str] = ()) -> Acting:
    """Whether the edited inputs get what is wanted with some deltas in force; `together` names their adapters."""
    share = MeasureTensors(reader, deltas)(TensorSet(data.x, data.wanted, data.keep[:0])).efficacy
    return Acting(tuple(together), len(data.x), round(share * len(data.x)))


def _context(reader: Reader, active: Sequence[Adapter]) -> list[Delta]:
    for adapter in active:
        check_adapter(adapter, reader.base.model)
    return [delta for adapter in active for delta in adapter.deltas]


def _best(trials: Trials, ranking: Sequence[Candidate]) -> tuple[Made, int]:
    """Trains on everything at the first place, and at the next ones only where that is not good enough."""
    best: tuple[float, Made, int] | None = None
    for at, candidate in enumerate(ranking):
        if best is not None and (candidate.recall is None or not trials.go_on):
            break  # was not thought worth a trial, or there is no more to be computed
        made = trials.final((candidate.tap, candidate.target))
        score = min(made.efficacy, GOOD) + min(made.stays, GOOD)
        if best is None or score > best[0]:
            best = score, made, at
        if score == 2 * GOOD:
            break
    assert best is not None
    return best[1], best[2]


def _certify(reader: Reader, model: Model, deltas: Sequence[Delta], data: TensorSet) -> Certificate:
    total, identical, answered, touched = 0, 0, 0, list[str]()
    for start in range(0, len(data.keep), _CHUNK):
        rows = data.keep[start : start + _CHUNK]
        part = certify(model, deltas, Trace(reader(rows)), [f"keep[{start + i}]" for i in range(len(rows))])
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
        rows = ", ".join(map(str, made.missed[:5])) + (", ..." if len(made.missed) > 5 else "")
        notes.append(
            f"{len(made.missed)} edited inputs do not get what is wanted (of those looked at: {rows}): "
            "try another --tap and --target, a higher --rank, or --plain"
        )
    if not kept.holds and options.gated:
        shown = ", ".join(kept.touched[:5])
        notes.append(f"{len(kept.touched)} keep inputs are touched: {shown}")
    return notes
