# SPDX-License-Identifier: Apache-2.0
"""What a device makes of corrections, as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Delta
from mcuedit.api.base import Base
from mcuedit.api.inputs import Keep, any_keep, facts_of, what_stays
from mcuedit.benchmark import edits as benchmark
from mcuedit.codegen import TrainSetup
from mcuedit.edits import EditSet, KeepSet, TensorSet, already_given
from mcuedit.emulate.devices.learner import Learner, Refused
from mcuedit.emulate.options import RunOptions
from mcuedit.evaluation.cases import ask
from mcuedit.evaluation.metrics import Case, Metrics
from mcuedit.evaluation.tensors import MeasureTensors, TensorMetrics
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateStatistics, corrections, tensor_corrections
from mcuedit.ondevice.corrections import CorrectionSession, Session, Unlearned
from mcuedit.training.options import AUTO

LearnOne = Callable[[Session], Delta]


@dataclass(frozen=True)
class LearnOptions:
    """How a device is corrected.

    Attributes:
        tap, target: op index or tensor name, or "auto".
        wordings: of each corrected question, or inputs of each class wanted, that the device is told.
        replay: confirmed inputs that it holds in RAM.
        seed: draws wordings and confirmed inputs.
        on: the virtual board that learns; None: its numpy twin, which is byte-equal.
    """

    tap: str = AUTO
    target: str = AUTO
    wordings: int = 2
    replay: int = 32
    seed: int = 0
    on: RunOptions | None = None


@dataclass(frozen=True)
class Learned:
    """What came of corrections, each learned by itself.

    Attributes:
        metrics: as of edits; of tensors with all corrections in force.
        given: a note for each correction that the base answers as wanted already; it is not told.
        refused: name of the error for each correction that the device did not take.
        instructions: of each training, if they were counted.
    """

    metrics: Metrics | TensorMetrics
    given: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    instructions: tuple[int, ...] = ()


@dataclass
class _Learning:
    """The corrections so far."""

    cases: list[tuple[Session, list[Delta]]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


DEFAULT = LearnOptions()


def carried(read: Reader, keep: Keep | TensorSet, options: LearnOptions = DEFAULT) -> tuple[GateStatistics, TrainSetup]:
    """What a device carries to learn: statistics of what must stay, and the buffers for what it is told.

    Args:
        keep: prompts, or a set of tensors or the path of its .npz, of which what is to be kept counts.

    Raises:
        McueditError: no tap of the base is narrow enough, or the keep set is too small.
    """
    kept = what_stays(keep, read.base.model)
    if not isinstance(kept, KeepSet):
        tap, target = tensor_corrections.tensor_pair(read, options.tap, options.target)
        statistics = tensor_corrections.tensor_statistics(read, kept, tap)
    else:
        tap, target = corrections.choose_pair(read, kept, options.tap, options.target)
        statistics = corrections.statistics_for(read, kept, tap)
    return statistics, TrainSetup(tap, target, corrections=options.wordings, replay=options.replay)


def learn(
    base: Base,
    edits: EditSet | TensorSet,
    keep: Keep | None = None,
    options: LearnOptions = DEFAULT,
    *,
    advance: Callable[[int], None] = lambda count: None,
) -> Learned:
    """Lets a device learn every correction of a set, each by itself, and measures what comes of it.

    What the base answers as wanted already is not told. Of tensors, a correction is a class with some of its inputs;
    what it is not told of them is held out.

    Args:
        edits, keep: as `edit` takes them; statistics of the keep set are all that the device knows of it.
        advance: told each correction that was tried.

    Raises:
        McueditError: an edit has too few prompts, no tap fits, or the firmware cannot be built.
    """
    if isinstance(edits, TensorSet):
        return _learn_tensors(base, edits, options, advance)
    kept, found = any_keep(keep), _Learning()
    statistics, setup = carried(base.reader, kept, options)
    told = corrections.sessions(base, edits, kept, options.wordings, options.replay, options.seed)
    with _learner(base, statistics, setup, options, found) as learn_one:
        for session in told:
            known = corrections.is_given(base.reader, session)
            if known:
                found.given.append(already_given(edits, session.edit))
            found.cases.append((session, [] if known else _learned(found, learn_one, session)))
            advance(1)
    facts = facts_of(base)
    asked = [
        Case(ask(EditSet((s.edit,)), kept, facts)[0], s.wanted, d) for s, (_, d) in zip(told, found.cases, strict=True)
    ]
    metrics = benchmark.measure(base.reader, asked, kept, facts)
    return Learned(metrics, tuple(found.given), tuple(found.refused), tuple(found.counts))


def _learn_tensors(base: Base, edits: TensorSet, options: LearnOptions, advance: Callable[[int], None]) -> Learned:
    read, found = base.reader, _Learning()
    told, data = tensor_corrections.tensor_sessions(edits, options.wordings, options.replay, options.seed)
    statistics, setup = carried(read, edits, options)
    with _learner(base, statistics, setup, options, found) as learn_one:
        for session in told:
            known = tensor_corrections.tensor_given(read, session)
            if known:
                found.given.append(f"{edits.source}: class {session.wanted} is what the base answers already")
            found.cases.append((session, [] if known else _learned(found, learn_one, session)))
            advance(1)
    made = [delta for _, deltas in found.cases for delta in deltas]
    metrics = MeasureTensors(read, made)(data)
    return Learned(metrics, tuple(found.given), tuple(found.refused), tuple(found.counts))


def _learned(found: _Learning, learn_one: LearnOne, session: Session) -> list[Delta]:
    """The delta of a correction; none if it was refused, which is noted."""
    try:
        return [learn_one(session)]
    except (Unlearned, Refused) as error:
        found.refused.append(error.name)
        return []


@contextmanager
def _learner(
    base: Base, statistics: GateStatistics, setup: TrainSetup, options: LearnOptions, found: _Learning
) -> Iterator[LearnOne]:
    """What makes a delta of a session: the device, or its twin."""
    if options.on is None:
        pair = (setup.tap, setup.target)
        yield partial(corrections.learn, base.reader, statistics=statistics, pair=pair)
        return
    with Learner(base, statistics, setup, options.on) as device:

        def learn_one(session: Session) -> Delta:
            device.say("drop")
            name = session.name if isinstance(session, CorrectionSession) else ""
            data = device.learn(session.inputs, session.wanted, session.confirmed, name)
            found.counts.extend(filter(None, [device.trained]))
            (delta,) = encoding.decode(data, base.model, "what the device learned").deltas
            return delta

        yield learn_one
