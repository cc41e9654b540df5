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
from mcuedit.api.inputs import Keep, any_keep, facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.codegen import TrainSetup
from mcuedit.edits import EditSet, KeepSet, already_given
from mcuedit.emulate.devices.learner import Learner, Refused
from mcuedit.emulate.options import RunOptions
from mcuedit.evaluation.cases import ask
from mcuedit.evaluation.metrics import Case, Metrics
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateStatistics, corrections
from mcuedit.ondevice.corrections import CorrectionSession, Unlearned
from mcuedit.training.options import AUTO

LearnOne = Callable[[CorrectionSession], Delta]


@dataclass(frozen=True)
class LearnOptions:
    """How a device is corrected.

    Attributes:
        tap, target: op index or tensor name, or "auto".
        wordings: of each corrected question that the device is told.
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
        metrics: as of edits.
        given: a note for each correction that the base answers as wanted already; it is not told.
        refused: name of the error for each correction that the device did not take.
        instructions: of each training, if they were counted.
    """

    metrics: Metrics
    given: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    instructions: tuple[int, ...] = ()


@dataclass
class _Learning:
    """The corrections so far."""

    cases: list[tuple[CorrectionSession, list[Delta]]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


DEFAULT = LearnOptions()


def carried(read: Reader, keep: Keep, options: LearnOptions = DEFAULT) -> tuple[GateStatistics, TrainSetup]:
    """What a device carries to learn: statistics of what must stay, and the buffers for what it is told.

    Raises:
        McueditError: no tap of the base is narrow enough.
    """
    kept = any_keep(keep)
    tap, target = corrections.choose_pair(read, kept, options.tap, options.target)
    setup = TrainSetup(tap, target, corrections=options.wordings, replay=options.replay)
    return corrections.statistics_for(read, kept, tap), setup


def learn(
    base: Base,
    edits: EditSet,
    keep: Keep,
    options: LearnOptions = DEFAULT,
    *,
    advance: Callable[[int], None] = lambda count: None,
) -> Learned:
    """Lets a device learn every correction of a set, each by itself, and measures what comes of it.

    What the base answers as wanted already is not told.

    Args:
        edits, keep: as `edit` takes them; statistics of the keep set are all that the device knows of it.
        advance: told each correction that was tried.

    Raises:
        McueditError: an edit has too few prompts, no tap fits, or the firmware cannot be built.
    """
    kept, found = any_keep(keep), _Learning()
    statistics, setup = carried(base.reader, kept, options)
    told = corrections.sessions(base, edits, kept, options.wordings, options.replay, options.seed)
    with _learner(base, statistics, setup, options, found) as learn_one:
        for session in told:
            try:
                if corrections.is_given(base.reader, session):
                    found.given.append(already_given(edits, session.edit))
                    found.cases.append((session, []))
                else:
                    found.cases.append((session, [learn_one(session)]))
            except (Unlearned, Refused) as error:
                found.refused.append(error.name)
                found.cases.append((session, []))
            advance(1)
    return Learned(_measured(base, found, kept), tuple(found.given), tuple(found.refused), tuple(found.counts))


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

        def learn_one(session: CorrectionSession) -> Delta:
            device.say("drop")
            data = device.learn(session.edit.prompts, session.wanted, session.confirmed, session.name)
            found.counts.extend(filter(None, [device.trained]))
            (delta,) = encoding.decode(data, base.model, "what the device learned").deltas
            return delta

        yield learn_one


def _measured(base: Base, found: _Learning, keep: KeepSet) -> Metrics:
    facts = facts_of(base)
    cases = [Case(ask(EditSet((s.edit,)), keep, facts)[0], s.wanted, deltas) for s, deltas in found.cases]
    return benchmark.measure(base.reader, cases, keep, facts)
