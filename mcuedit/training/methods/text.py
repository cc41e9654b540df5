# SPDX-License-Identifier: Apache-2.0
"""Edits of text: one gated factor for each, or one delta for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import Trace, flow
from mcuedit.edits import Edit, EditSet, KeepSet, already_given, check_edits, check_keep, resolve_answers
from mcuedit.evaluation.acting import Acting, Beside, act, given
from mcuedit.evaluation.certificate import certify
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import Model
from mcuedit.training.core.candidate import Candidate
from mcuedit.training.edited import Edited
from mcuedit.training.examples import text
from mcuedit.training.methods.text_method import Config, Made, TextMethod
from mcuedit.training.options import Options
from mcuedit.training.placement.pairs import pairs
from mcuedit.training.placement.simulated_edits import rank_by_simulated_edits
from mcuedit.training.problem import Problem
from mcuedit.training.wishes import part_given, refuse_one_input, with_prompts


def fit(problem: Problem, config: Config) -> Edited:
    """Trains one adapter that makes all edits of text prompts.

    What the base answers as wanted already needs no factor: the others are trained as if it had not been asked, unless
    one of their gates opens on it. If nothing else is left, the adapter has no delta.

    Raises:
        McueditError: the sets contradict each other, an answer is no label, or nothing can carry the edits.
    """
    reader, active, earlier, placed = problem.reader, problem.active, problem.earlier, problem.placed
    edits, keep, base = problem.text.edits, problem.text.keep, problem.reader.base
    options, context = replace(config, rank=config.factors, bits=config.width), problem.context()
    edits = check_edits(edits)
    elsewhere = {k: v for adapter in active for k, v in adapter.labels.items()}
    taken = {**(problem.names or {}), **elsewhere}
    found = resolve_answers(edits, base.labels, base.model.output.size, taken=taken, new_labels=options.new_labels)
    refuse_one_input(base, edits, found.classes)
    has = given(reader, edits, found.classes, context)
    todo, known = part_given(edits, has)
    classes = tuple(c for c, same in zip(found.classes, has, strict=True) if not same)
    together = [*(a.name for a in active), *([options.name] if todo.edits else [])]
    kept = check_keep(keep, todo)
    work = _Work(problem, options)

    def judged(made: Made) -> Acting:
        return act(reader, edits, found.classes, earlier, Beside(together, context, made.deltas))

    if todo.edits:
        placed = placed or place(reader, keep, options)
        made = work(todo, classes, kept, earlier, placed)
        acting = judged(made)
        if known and not set(acting.missed).isdisjoint(p for e in known for p in e.prompts):
            made = work(todo, classes, with_prompts(kept, known), earlier, placed)
            acting = judged(made)
    else:
        made = Made([], certify(base.model, [], Trace(reader(kept.prompts)), kept.prompts), (), (), (), 0.0)
        acting = judged(made)
    labels = {k: v for k, v in found.labels.items() if k in classes and elsewhere.get(k) != v}
    info = {"edits": [e.sha256 for e in todo.edits], "options": options.remembered()}
    adapter = Adapter(options.name, options.version, base.model.sha256, tuple(made.deltas), labels, info)
    already = (already_given(edits, e) for e in known)
    notes = (*edits.notes, *kept.notes, *found.notes, *already, *made.notes)
    wanted = np.array(found.classes, np.int64)
    return Edited(
        adapter,
        edits,
        kept,
        wanted,
        notes,
        made.seconds,
        made.certificate,
        acting,
        overlapping=made.overlapping,
        placement=made.placement,
        given=has,
    )


@dataclass(frozen=True)
class _Work:
    """What every training of one call has in common."""

    problem: Problem
    options: Config

    def __call__(
        self,
        edits: EditSet,
        classes: Sequence[int],
        keep: KeepSet,
        earlier: Sequence[Edit],
        placed: Sequence[Candidate],
    ) -> Made:
        known = check_keep(with_prompts(keep, earlier), edits) if earlier else keep
        aside = frozenset(known.prompts) - frozenset(keep.prompts)
        noise, seed = self.options.noise, self.options.seed
        table = text.from_text(edits, known, classes, noise, seed)
        fresh = partial(text.from_text, edits, known, classes, noise, seed + 1)
        called = tuple(edit.subject or edit.prompts[0] for edit in edits.edits)
        return TextMethod(self.problem, self.options, called).make(table, fresh, placed, aside)


def place(reader: Reader, keep: KeepSet, options: Options) -> tuple[Candidate, ...]:
    """The pairs of tap and target, the best first, as simulated edits on the keep set rank them.

    Returns:
        Nothing when there is nothing to choose, or the keep set is too small or too plain to simulate edits on.
    """
    config = options.of(Config)
    tried = pairs(reader.base.model, options.tap, options.target)
    if len(tried) < 2 or not options.gated or options.factors > 1:
        return ()
    return rank_by_simulated_edits(reader, keep, tried, options, config.simulation)


def every_tensor(model: Model) -> list[int]:
    """The tensors that a Reader for training and evaluation needs."""
    return flow(model, 0)
