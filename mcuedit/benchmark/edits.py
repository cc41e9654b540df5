# SPDX-License-Identifier: Apache-2.0
"""Trains and measures a whole edit set: each edit alone, all stacked, or one after another beside those before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta, check_adapter
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet, check_edits, resolve_answers
from mcuedit.evaluation.cases import ask
from mcuedit.evaluation.metrics import Case, Measure, Metrics
from mcuedit.evaluation.tensors import MeasureTensors, TensorMetrics
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle, Reader
from mcuedit.model.tflite import Model, parse
from mcuedit.training import Edited, InForce, Options, Problem, TextEdits, every_tensor, fit, place, train_beside

SINGLE, STACKED, STREAM = "single", "stacked", "stream"


@dataclass(frozen=True)
class EditTask:
    """Edits, what must stay, and the facts to measure on, which training does not see.

    Attributes:
        method: of training.
        oracle: runs the files of a method that changes weights; such a method needs one.
    """

    edits: EditSet
    keep: KeepSet
    facts: Sequence[Edit]
    method: str = "text"
    oracle: Callable[[Model], Oracle] | None = None


@dataclass(frozen=True)
class Bench:
    """What a benchmark gave.

    Attributes:
        trained: one per edit, or the one of all.
        cases: what was asked of each edit, for a dump of raw outputs.
    """

    metrics: Metrics
    trained: tuple[Edited, ...]
    cases: tuple[Case, ...]


def reader(base: Base, oracle: Oracle) -> Reader:
    """A reader that serves training and evaluation alike."""
    return Reader(base, oracle, every_tensor(base.model))


def bench(
    read: Reader,
    task: EditTask,
    how: str,
    options: Options,
    advance: Callable[[int], None] = lambda n: None,
) -> Bench:
    """Trains as `how` says, each edit alone, all together or one beside those before it; measures on facts not kept.

    Of a stream, the adapters left at its end are measured together, on every edit.

    Changed weights are measured on the files that hold them, each by itself. `seconds` of the metrics is the time per
    edit, with the base's answers to the keep set and the placement, which depends on that set alone, already at hand.

    Raises:
        McueditError: as `fit`.
    """
    if how not in (SINGLE, STACKED, STREAM):
        raise McueditError(f"no benchmark {how!r}", f"{SINGLE}, {STACKED} or {STREAM}")
    if how == STREAM and task.method != "text":
        raise McueditError("a stream of adapters with changed weights", f"choose {SINGLE} or {STACKED}")
    edits, together = check_edits(task.edits), how == STACKED
    read(task.keep.prompts)
    placed = place(read, task.keep, options) if task.method == "text" else ()
    start = time.perf_counter()
    if how == STREAM:
        made, adapters = _stream(Problem(read, TextEdits(edits, task.keep), placed=placed), options, advance)
        seconds = (time.perf_counter() - start) / len(edits.edits)
        metrics, found = evaluate(read, adapters, edits, task.keep, task.facts)
        return Bench(replace(metrics, seconds=round(seconds, 4)), made, tuple(found))
    trained = []
    for part in [edits.edits] if together else [(e,) for e in edits.edits]:
        data = TextEdits(replace(edits, edits=part, notes=edits.notes if together else ()), task.keep)
        trained.append(fit(task.method, Problem(read, data, placed=placed), options))
        advance(len(part))
    seconds = (time.perf_counter() - start) / len(edits.edits)
    asked = tuple(case for made in trained for case in cases(made, task.facts, together=together))
    metrics = _measured(read, task, trained, asked)
    return Bench(replace(metrics, seconds=round(seconds, 4)), tuple(trained), asked)


def _stream(
    problem: Problem, options: Options, advance: Callable[[int], None]
) -> tuple[tuple[Edited, ...], tuple[Adapter, ...]]:
    """What every edit of a problem gave, trained beside those before it, and the adapters in force at the end."""
    data, trained, force = problem.text, list[Edited](), list[InForce]()
    for number, edit in enumerate(data.edits.edits):
        alone = replace(problem, data=replace(data, edits=replace(data.edits, edits=(edit,), notes=())))
        made, left = train_beside(alone, replace(options, name=f"{options.name}-{number}"), force)
        stay = {adapter.name for adapter in left}
        force = [one for one in force if one.adapter.name in stay]
        if made.adapter.deltas:
            force.append(InForce(made.adapter, tuple(made.trained_edits)))
        trained.append(made)
        advance(1)
    return tuple(trained), tuple(one.adapter for one in force)


def _measured(read: Reader, task: EditTask, trained: Sequence[Edited], asked: Sequence[Case]) -> Metrics:
    """Adapters are measured together, changed weights each on its own file."""
    if not any(made.weights for made in trained):
        return measure(read, asked, task.keep, task.facts)
    if task.oracle is None:
        raise McueditError(f"method {task.method!r} changes weights", "give an oracle that runs the files it makes")
    parts = [(made, repaired(read.base, made, task.oracle) if made.weights else None) for made in trained]
    return _together([measure_edited(read, made, task.facts, file) for made, file in parts])


def repaired(base: Base, made: Edited, oracle: Callable[[Model], Oracle]) -> Reader:
    """A reader of the merged file itself."""
    model = parse(made.new_weights.data, "merged")
    return reader(replace(base, model=model), oracle(model))


def evaluate(
    read: Reader,
    adapters: Sequence[Adapter],
    edits: EditSet,
    keep: KeepSet,
    facts: Sequence[Edit],
    repaired: Reader | None = None,
) -> tuple[Metrics, list[Case]]:
    """Measures adapters that exist, all active together, on the edits they are to make; or a file that has them in it.

    Raises:
        McueditError: an adapter does not fit, or an answer is neither a label nor named by an adapter.
    """
    base = read.base
    for adapter in adapters:
        check_adapter(adapter, base.model)
    edits = check_edits(edits)
    named = {k: v for adapter in adapters for k, v in adapter.labels.items()}
    found = resolve_answers(edits, base.labels, base.model.output.size, taken=named)
    deltas = [d for adapter in adapters for d in adapter.deltas]
    questions = ask(edits, keep, facts, edits.edits)
    cases = [Case(q, wanted, deltas) for q, wanted in zip(questions, found.classes, strict=True)]
    return measure(read, cases, keep, facts, repaired), cases


def evaluate_tensors(
    read: Reader, adapters: Sequence[Adapter], data: TensorSet, repaired: Reader | None = None
) -> TensorMetrics:
    """Measures adapters, all active together, on edits of tensors, on what must stay and on what was held out.

    Raises:
        McueditError: an adapter does not fit.
    """
    for adapter in adapters:
        check_adapter(adapter, read.base.model)
    return MeasureTensors(read, [d for adapter in adapters for d in adapter.deltas], repaired)(data)


def measure_edited(read: Reader, made: Edited, facts: Sequence[Edit], repaired: Reader | None = None) -> Metrics:
    """Measures what one training made, on its edits; `repaired` reads the file where that changed weights."""
    return measure(read, cases(made, facts, together=True), made.keep, facts, repaired)


def measure(
    read: Reader,
    cases: Sequence[Case],
    keep: KeepSet,
    facts: Sequence[Edit],
    repaired: Reader | None = None,
) -> Metrics:
    """Metrics of cases; the drawdown is taken on the facts that none of them edits."""
    edited = {p for case in cases for p in case.questions.edited}
    labels = {label: i for i, label in enumerate(read.base.labels or ())}
    left = [(f, labels[f.target_new]) for f in facts if f.target_new in labels and not edited.intersection(f.prompts)]
    return Measure(read, repaired).edits(cases, keep, left)


def _together(measured: Sequence[Metrics]) -> Metrics:
    """Of parts with as many edits each: sums, the worst, and means over those where there was something to measure."""
    found = {}
    for field in fields(Metrics):
        values = [v for m in measured if (v := getattr(m, field.name)) is not None]
        if field.name in ("edits", "ties", "same_subject_wordings"):
            found[field.name] = sum(values)
        elif field.name in ("efficacy_worst", "neighbourhood_worst"):
            found[field.name] = min(values, default=None)
        else:
            found[field.name] = sum(values) / len(values) if values else None
    return Metrics(**found)


def cases(trained: Edited, facts: Sequence[Edit], *, together: bool) -> list[Case]:
    """What to ask of each edit, with the deltas in force; without any where weights were changed instead.

    Args:
        together: all edits are in force, none of them alone.
    """
    deltas: list[Delta] = list(trained.adapter.deltas)
    questions = ask(trained.edits, trained.keep, facts, trained.edits.edits if together else None)
    return [Case(q, int(wanted), deltas) for q, wanted in zip(questions, trained.classes, strict=True)]
