# SPDX-License-Identifier: Apache-2.0
"""From an edit set to an adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from mcuedit._util.typing import BoolArray, IntArray
from mcuedit.adapter.delta import Adapter, check_adapter
from mcuedit.adapter.forward import Trace, flow
from mcuedit.edits import Edit, EditSet, KeepSet, already_given, check_edits, check_keep, resolve_answers
from mcuedit.evaluation.acting import Acting, act, given
from mcuedit.evaluation.certificate import Certificate, certify
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import Model
from mcuedit.training.core import placement
from mcuedit.training.core.placement import Candidate
from mcuedit.training.core.simulated_edits import PLAYERS, rank_by_simulated_edits
from mcuedit.training.core.text_method import Made, Progress, TextMethod
from mcuedit.training.examples import text
from mcuedit.training.options import Options
from mcuedit.training.wishes import refuse_one_input


@dataclass(frozen=True)
class Trained:
    """An adapter and how it came about.

    Attributes:
        edits: as asked, without repetitions; empty for tensors.
        classes: int64[edits], the class wanted by each.
        given: bool[edits], what the base answers as wanted already; nothing is trained for these.
        acting: whether the edits act within the active set.
        certificate: over keep set and locality lists, with the adapter and its context active.
        overlapping: names of edits whose gate could not be told apart from what must stay.
        placement: every pair tried; the first was taken.
        notes: what the user should be told.
        answers: the base's outputs are answers, not vectors to be reproduced.
        replaces: names of adapters whose edits this one makes too, and that are to leave when it comes.
    """

    adapter: Adapter
    edits: EditSet
    keep: KeepSet
    classes: IntArray
    certificate: Certificate
    overlapping: tuple[str, ...]
    placement: tuple[Candidate, ...]
    notes: tuple[str, ...]
    seconds: float
    acting: Acting
    given: BoolArray = field(default_factory=lambda: np.zeros(0, bool))
    answers: bool = True
    replaces: tuple[str, ...] = ()

    @property
    def certified(self) -> bool:
        """What is to stay is byte-identical, and what is to change does, in the active set that is named."""
        return self.certificate.holds and self.acting.holds

    @property
    def taught(self) -> tuple[Edit, ...]:
        """The edits that the adapter makes."""
        return tuple(e for e, known in zip(self.edits.edits, self.given, strict=True) if not known)


def train(
    reader: Reader,
    edits: EditSet,
    keep: KeepSet,
    options: Options | None = None,
    *,
    active: Sequence[Adapter] = (),
    earlier: Sequence[Edit] = (),
    names: Mapping[int, str] | None = None,
    placed: Sequence[Candidate] = (),
    progress: Progress = lambda step: None,
) -> Trained:
    """Trains one adapter that makes all `edits` of text prompts.

    What the base answers as wanted already needs no factor: the others are trained as if it had not been asked, unless
    one of their gates opens on it. If nothing else is left, the adapter has no delta.

    Args:
        reader: of the base, with every tensor of the graph's flow.
        active: adapters that will be in force beside the new one; it is trained knowing them.
        earlier: the edits they were trained on, as far as known: new gates stay shut on them.
        names: of spare classes, given by a version of this adapter that the new one replaces.
        placed: what `place` returned for this keep set and these options; it is called if nothing is given.

    Raises:
        McueditError: the sets contradict each other, an answer is no label, or nothing can carry the edits.
    """
    options, base = _resolved(options), reader.base
    for adapter in active:
        check_adapter(adapter, base.model)
    edits = check_edits(edits)
    elsewhere = {k: v for adapter in active for k, v in adapter.labels.items()}
    taken = {**(names or {}), **elsewhere}
    found = resolve_answers(edits, base.labels, base.model.output.size, taken=taken, new_labels=options.new_labels)
    refuse_one_input(base, edits, found.classes)
    context = [d for adapter in active for d in adapter.deltas]
    has = given(reader, edits, found.classes, context)
    todo = [i for i in range(len(has)) if not has[i]]
    taught = replace(edits, edits=tuple(edits.edits[i] for i in todo))
    classes = tuple(found.classes[i] for i in todo)
    together = [*(a.name for a in active), *([options.name] if todo else [])]
    kept = check_keep(keep, taught)
    work = _Work(reader, options, active, progress)

    def judged(made: Made) -> Acting:
        return act(reader, edits, found.classes, earlier, together, context, made.deltas)

    if todo:
        placed = placed or place(reader, keep, options)
        made = work(taught, classes, kept, earlier, placed)
        acting = judged(made)
        known = [e for e, same in zip(edits.edits, has, strict=True) if same]
        if known and not set(acting.missed).isdisjoint(p for e in known for p in e.prompts):
            made = work(taught, classes, _joined(kept, known), earlier, placed)
            acting = judged(made)
    else:
        made = Made([], certify(base.model, [], Trace(reader(kept.prompts)), kept.prompts), (), (), (), 0.0)
        acting = judged(made)
    labels = {k: v for k, v in found.labels.items() if k in classes and elsewhere.get(k) != v}
    info = {"edits": [e.sha256 for e in taught.edits], "options": plain(options)}
    adapter = Adapter(options.name, options.version, base.model.sha256, tuple(made.deltas), labels, info)
    already = (already_given(edits, e) for e, same in zip(edits.edits, has, strict=True) if same)
    notes = (*edits.notes, *kept.notes, *found.notes, *already, *made.notes)
    wanted = np.array(found.classes, np.int64)
    about = made.certificate, made.overlapping, made.placement, notes, made.seconds
    return Trained(adapter, edits, kept, wanted, *about, acting, has)


@dataclass(frozen=True)
class _Work:
    """What every training of one call has in common."""

    reader: Reader
    options: Options
    active: Sequence[Adapter]
    progress: Progress

    def __call__(
        self,
        edits: EditSet,
        classes: Sequence[int],
        keep: KeepSet,
        earlier: Sequence[Edit],
        placed: Sequence[Candidate],
    ) -> Made:
        known = check_keep(_joined(keep, earlier), edits) if earlier else keep
        aside = frozenset(known.prompts) - frozenset(keep.prompts)
        table = text.from_text(edits, known, classes, self.options.seed)
        fresh = partial(text.from_text, edits, known, classes, self.options.seed + 1)
        called = tuple(edit.subject or edit.prompts[0] for edit in edits.edits)
        return TextMethod(self.reader, self.options, self.active, called, self.progress).make(
            table, fresh, placed, aside
        )


def place(reader: Reader, keep: KeepSet, options: Options) -> tuple[Candidate, ...]:
    """The pairs of tap and target, the best first, as simulated edits on the keep set rank them.

    Returns:
        Nothing when there is nothing to choose, or the keep set is too small or too plain to simulate edits on.
    """
    tried = placement.pairs(reader.base.model, options.tap, options.target)
    if len(tried) < 2 or not options.gated or options.factors > 1:
        return ()
    return rank_by_simulated_edits(reader, keep, tried, options.width, options.place_for(PLAYERS), options.seed)


def _joined(keep: KeepSet, known: Sequence[Edit]) -> KeepSet:
    """A keep set that also holds the prompts of earlier edits, each edit on a line of its own."""
    held, last = set(keep.prompts), max(keep.lines, default=0)
    more = {p: last + 1 + i for i, e in enumerate(known) for p in e.prompts if p not in held}
    if not more:
        return keep
    return KeepSet((*keep.prompts, *more), (*keep.lines, *more.values()), keep.source, keep.notes)


def _resolved(options: Options | None) -> Options:
    """Every edit has a factor of its own unless the user says otherwise."""
    options = options or Options()
    return replace(options, rank=options.factors, bits=options.width)


def plain(options: Options) -> dict[str, Any]:
    """What an adapter remembers of its options."""
    return {k: v for k, v in vars(options).items() if k not in ("name", "version", "new_labels")}


def every_tensor(model: Model) -> list[int]:
    """The tensors that a Reader for training and evaluation needs."""
    return flow(model, 0)
