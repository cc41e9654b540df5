# SPDX-License-Identifier: Apache-2.0
"""From an edit set to a copy of the base with other weights in one op: merged mode."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray
from mcuedit.adapter import weight_patch
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import Trace, logits_tensor
from mcuedit.edits import ToClass, already_given, check_edits, check_keep, resolve_answers
from mcuedit.evaluation.acting import given
from mcuedit.model.tflite import Model
from mcuedit.training.core.delta_site import Table
from mcuedit.training.core.objective import Objective, ObjectiveConfig, end_tensor
from mcuedit.training.edited import Edited, NewWeights, of_tensors
from mcuedit.training.examples import text as examples
from mcuedit.training.examples.tensors import TableConfig, TensorTable
from mcuedit.training.factors import grid
from mcuedit.training.factors.grid import GridConfig
from mcuedit.training.options import AUTO, Options
from mcuedit.training.placement.pairs import every_pair, find_op
from mcuedit.training.problem import Problem, Progress, TextEdits
from mcuedit.training.wishes import acting, all_given, part_given, refuse_one_input, with_prompts


@dataclass(frozen=True)
class Config(Options):
    """How weights are changed. Options of the delta itself, but for rank, tap and target, have no meaning here.

    Attributes:
        gated: false, and must be.
        most: the rank that the change of many edits starts with, unless the user says otherwise; of fewer one for each.
        blends: new wordings of what must stay: there is no gate that shuts on what training has not seen.
        noise: copies of prompts. text_objective: of edits of text. table: which inputs are looked at; of tensors.
        grid: how the weights of an op are trained.
    """

    gated: bool = False
    most: int = 8
    blends: int = 16384
    noise: examples.NoiseConfig = field(default_factory=examples.NoiseConfig)
    text_objective: ObjectiveConfig = field(default_factory=lambda: ObjectiveConfig(keep=40.0))
    table: TableConfig = field(default_factory=TableConfig)
    grid: GridConfig = field(default_factory=GridConfig)


@dataclass(frozen=True)
class _Task:
    """What weights are trained on; own: the samples that must hold; wishes: how many things are wanted."""

    table: Table
    own: IntArray
    ops: Sequence[int]
    wishes: int


def fit(problem: Problem, config: Config) -> Edited:
    """Changes weights of one op so that all edits hold.

    What the base does as wanted already is kept and not trained; if nothing else is left, no weights change.

    Raises:
        McueditError: the edits contradict each other; the options ask for what weights cannot do, or no op's weights
            can be changed.
    """
    start = time.perf_counter()
    take = _from_text if isinstance(problem.data, TextEdits) else _from_tensors
    edited, task = take(problem, config)
    weights = _train(task, config, problem.progress) if task else None
    return replace(edited, weights=weights, seconds=time.perf_counter() - start)


def _train(task: _Task, config: Config, progress: Progress) -> NewWeights:
    begin = grid.Start(config.rank or min(task.wishes, config.most), config.seed)
    made, tried = grid.train(task.table, task.own, task.ops, begin, config.grid, progress)
    model = task.table.model
    data = weight_patch.merge(model, made.op, made.weights)
    patch = weight_patch.patch(model, data, made.op, made.clipped)
    return NewWeights(data, made.op, patch, tuple((t.op, t.edited, t.kept) for t in tried))


def _from_text(problem: Problem, config: Config) -> tuple[Edited, _Task | None]:
    reader, base, model = problem.reader, problem.reader.base, problem.reader.base.model
    edits = check_edits(problem.text.edits)
    ops = _ops(model, logits_tensor(model), config)
    found = resolve_answers(edits, base.labels, model.output.size, new_labels=config.new_labels)
    refuse_one_input(base, edits, found.classes)
    todo, known = part_given(edits, has := given(reader, edits, found.classes, ()))
    classes = np.array(found.classes, np.int64)
    kept = check_keep(problem.text.keep, todo)
    kept = with_prompts(kept, known) if todo.edits else kept
    labels = {k: v for k, v in found.labels.items() if k in classes[~has]}
    new = (f"class {k} is called {v!r} from now on: put that into the base's labels" for k, v in labels.items())
    notes = (*edits.notes, *kept.notes, *found.notes, *(already_given(edits, e) for e in known), *new)
    adapter = Adapter(config.name, config.version, model.sha256, (), labels, {})
    edited = Edited(adapter, edits, kept, classes, notes, given=has)
    if not todo.edits:
        return edited, None
    table = examples.from_text(todo, kept, classes[~has].tolist(), config.noise, config.seed)
    problem.progress("running the base")
    more = examples.blends(kept, min(config.blends, 2 * len(kept.prompts)), config.seed)
    now = Trace(reader([*table.inputs, *more]))
    edit, stay = np.flatnonzero(table.owner >= 0), np.flatnonzero((table.owner < 0) & table.stay)
    stay = np.concatenate([stay, np.arange(len(table.owner), len(now))])
    before = now.values[logits_tensor(model)].reshape(len(now), -1)
    objective = Objective(model, ToClass(table.classes[table.owner[edit]]), edit, before, config.text_objective)
    samples = Table(model, now, objective, edit, stay)
    return edited, _Task(samples, edit[table.clean[edit]], ops, len(todo.edits))


def _from_tensors(problem: Problem, config: Config) -> tuple[Edited, _Task | None]:
    data, model = problem.tensors, problem.reader.base.model
    problem.progress("running the base")
    adapter = Adapter(config.name, config.version, model.sha256, (), {}, {})
    if acting(problem.reader, data, []).holds:
        _ops(model, end_tensor(model, data.wanted), config)
        empty = np.zeros(0, np.int64)
        return Edited(adapter, *of_tensors(data.source), empty, (*data.notes, all_given(data))), None
    table = TensorTable(problem.reader, data, (), config.table, config.seed)
    ops = _ops(table.model, table.all.objective.end, config)
    notes, wishes = (*data.notes, *table.notes), len(table.names)
    edited = Edited(adapter, *of_tensors(data.source), np.arange(wishes), notes)
    return edited, _Task(table.all, table.own, ops, wishes)


def _ops(model: Model, end: int, options: Options) -> list[int]:
    """The ops whose weights may be changed.

    Raises:
        McueditError: the options ask for what weights cannot do, or nothing is left.
    """
    if options.gated:
        raise McueditError("gated factors cannot be merged: weights have no gate to shut", "leave --gated away")
    asked = {find_op(model, text) for text in (options.tap, options.target) if text != AUTO}
    if len(asked) > 1:
        raise McueditError(
            f"tap {options.tap} is not target {options.target}: only what an op adds to itself can be merged into it",
            "give --target alone",
        )
    where = str(*asked) if asked else AUTO
    ops = [o for tap, o in every_pair(model, end, where, where) if tap == o]
    able, why = [], None
    for op in ops:
        try:
            weight_patch.weights_of(model, op)
        except McueditError as error:
            why = error
        else:
            able.append(op)
    if not able and why is not None:
        raise why
    return able
