# SPDX-License-Identifier: Apache-2.0
"""From an edit set to a copy of the base with other weights in one op: merged mode."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray
from mcuedit.adapter import weight_patch
from mcuedit.adapter.forward import Trace, logits_tensor
from mcuedit.adapter.weight_patch import Patch
from mcuedit.edits import EditSet, KeepSet, TensorSet, Wanted, check_edits, check_keep, resolve_answers
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import Model
from mcuedit.training.core import grid
from mcuedit.training.core.delta_site import Table
from mcuedit.training.core.objective import Objective
from mcuedit.training.core.placement import AUTO, every_pair, find_op
from mcuedit.training.core.text_method import Progress
from mcuedit.training.examples import text as examples
from mcuedit.training.examples.tensors import TensorTable
from mcuedit.training.options import Options
from mcuedit.training.wishes import refuse_one_input

_RANK = 8  # of many edits, unless the user says otherwise
_BLENDS = 16384  # new wordings of what must stay: there is no gate that shuts on what training has not seen
_KEEP_WEIGHT = 40.0


@dataclass(frozen=True)
class Merged:
    """A base with other weights and how it came about.

    Attributes:
        data: the whole .tflite, as long as the base's; only weights of `op` differ.
        edits, keep, classes: as trained; empty for tensors.
        labels: names that spare classes have from now on: they belong into the base's labels.
        tried: (op, share of edits, share of kept answers) of the ops that were tried, the best first.
    """

    data: bytes
    op: int
    patch: Patch
    edits: EditSet
    keep: KeepSet
    classes: IntArray
    labels: dict[int, str]
    tried: tuple[tuple[int, float, float], ...]
    notes: tuple[str, ...]
    seconds: float


def train_merged(
    reader: Reader,
    edits: EditSet,
    keep: KeepSet,
    options: Options,
    *,
    progress: Progress = lambda step: None,
) -> Merged:
    """Changes weights so that all `edits` of text prompts hold.

    Args:
        options: plain, with one op for tap and target; rank is that which the change starts with, by default one for
            each edit, up to eight; the other options of the delta itself have no meaning here.

    Raises:
        McueditError: as `train`; the options ask for what weights cannot do, or no op's weights can be changed.
    """
    start = time.perf_counter()
    base, model = reader.base, reader.base.model
    edits = check_edits(edits)
    kept = check_keep(keep, edits)
    ops = _ops(model, logits_tensor(model), options)
    found = resolve_answers(edits, base.labels, model.output.size, new_labels=options.new_labels)
    refuse_one_input(base, edits, found.classes)
    given = examples.from_text(edits, kept, found.classes, options.seed)
    progress("running the base")
    more = examples.blends(kept, min(_BLENDS, 2 * len(kept.prompts)), options.seed)
    now = Trace(reader([*given.inputs, *more]))
    edit, stay = np.flatnonzero(given.owner >= 0), np.flatnonzero((given.owner < 0) & given.stay)
    stay = np.concatenate([stay, np.arange(len(given.owner), len(now))])
    before = now.values[logits_tensor(model)].reshape(len(now), -1)
    objective = Objective(model, Wanted(given.classes[given.owner[edit]]), edit, before, _KEEP_WEIGHT)
    table = Table(model, now, objective, edit, stay)
    labels = {k: v for k, v in found.labels.items() if k in found.classes}
    new = tuple(f"class {k} is called {v!r} from now on: put that into the base's labels" for k, v in labels.items())
    notes = (*edits.notes, *kept.notes, *found.notes, *new)
    classes = np.array(found.classes, np.int64)
    own = edit[given.clean[edit]]
    return _train(table, own, ops, options, progress, start, (edits, kept, classes, labels, notes))


def train_merged_tensors(
    reader: Reader, data: TensorSet, options: Options, *, progress: Progress = lambda step: None
) -> Merged:
    """Changes weights so that input tensors get what is wanted; the rest as `train_merged`."""
    start = time.perf_counter()
    progress("running the base")
    table = TensorTable(reader, data, (), options.seed)
    ops = _ops(table.model, table.all.objective.end, options)
    classes = np.arange(len(table.names))
    empty = EditSet((), data.source), KeepSet((), (), data.source)
    about = *empty, classes, dict[int, str](), (*data.notes, *table.notes)
    return _train(table.all, table.own, ops, options, progress, start, about)


def _train(
    table: Table,
    own: IntArray,
    ops: Sequence[int],
    options: Options,
    progress: Progress,
    start: float,
    about: tuple[EditSet, KeepSet, IntArray, dict[int, str], tuple[str, ...]],
) -> Merged:
    edits, keep, classes, labels, notes = about
    rank = options.rank or min(len(classes), _RANK)
    made, tried = grid.train(table, own, ops, rank, options.seed, progress)
    data = weight_patch.merge(table.model, made.op, made.weights)
    patch = weight_patch.patch(table.model, data, made.op, made.clipped)
    shares = tuple((t.op, t.edited, t.kept) for t in tried)
    seconds = time.perf_counter() - start
    return Merged(data, made.op, patch, edits, keep, classes, labels, shares, notes, seconds)


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
