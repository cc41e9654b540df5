# SPDX-License-Identifier: Apache-2.0
"""From an edit set to an adapter."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.delta import Adapter, Delta, check_adapter
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet, already_given, check_edits, check_keep, resolve_answers
from mcuedit.errors import McueditError
from mcuedit.evaluation.certificate import Certificate, certify
from mcuedit.evaluation.outputs import Trace, answers, flow, logits_tensor, with_deltas
from mcuedit.model import Model
from mcuedit.oracle import Reader
from mcuedit.training import behaviour, examples, gated, placement
from mcuedit.training.examples import Examples
from mcuedit.training.placement import AUTO, Candidate
from mcuedit.training.rehearsal import PLAYERS, rehearse

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to train.

    Attributes:
        rank: 1 gives every edit a factor of its own; more gives all edits one shared delta of that rank.
        gated: h is clamped at 0 below, so that the gate can be shut.
        tap, target: op index or tensor name, or "auto".
        bits: width of an element of A, 8 or 4.
        gate_place: 0 puts the gate next to the highest input that must stay, 1 next to the lowest of the edit. None
            takes .2 for one edit and more for many, since false alarms add up: .2 + .06 log10(edits).
        seed: of every random choice.
        new_labels: answers that look like misspelt labels are new names after all.
    """

    rank: int = 1
    gated: bool = True
    tap: str = AUTO
    target: str = AUTO
    bits: int = 8
    gate_place: float | None = None
    seed: int = 0
    new_labels: bool = False
    name: str = "adapter"
    version: str = "0.1.0"

    def __post_init__(self) -> None:
        for holds, what, way in (
            (self.rank >= 1 and self.rank <= 255, f"rank {self.rank}", "1 to 255"),
            (self.bits in (4, 8), f"bits {self.bits}", "8 or 4"),
            (
                0 <= self.place_for(1) <= 1,
                f"gate place {self.gate_place}",
                "0 (near the keep set) to 1 (near the edit)",
            ),
        ):
            if not holds:
                raise McueditError(f"{what} is out of range", way)

    def place_for(self, edits: int) -> float:
        """The gate place for that many edits."""
        return self.gate_place if self.gate_place is not None else 0.2 + 0.06 * math.log10(edits)


@dataclass(frozen=True)
class Trained:
    """An adapter and how it came about.

    Attributes:
        edits: as trained, without repetitions; empty for tensors.
        classes: int64[edits], the class wanted by each.
        certificate: over keep set and locality lists, with the adapter and its context active.
        overlapping: names of edits whose gate could not be told apart from what must stay.
        placement: every pair tried; the first was taken.
        notes: what the user should be told.
    """

    adapter: Adapter
    edits: EditSet
    keep: KeepSet
    classes: npt.NDArray[np.int64]
    certificate: Certificate
    overlapping: tuple[str, ...]
    placement: tuple[Candidate, ...]
    notes: tuple[str, ...]
    seconds: float


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

    Args:
        reader: of the base, with every tensor of the graph's flow.
        active: adapters that will be in force beside the new one; it is trained knowing them.
        earlier: the edits they were trained on, as far as known: new gates stay shut on them.
        names: of spare classes, given by a version of this adapter that the new one replaces.
        placed: what `place` returned for this keep set and these options; it is called if nothing is given.

    Raises:
        McueditError: the sets contradict each other, an answer is no label, or nothing can carry the edits.
    """
    options = options or Options()
    base = reader.base
    edits = check_edits(edits)
    kept = check_keep(keep, edits)
    known = check_keep(_joined(kept, earlier), edits)
    aside = frozenset(known.prompts) - frozenset(kept.prompts)
    elsewhere = {k: v for adapter in active for k, v in adapter.labels.items()}
    taken = {**(names or {}), **elsewhere}
    found = resolve_answers(edits, base.labels, base.model.output.size, taken=taken, new_labels=options.new_labels)
    table = examples.from_text(edits, known, found.classes, options.seed)
    fresh = partial(examples.from_text, edits, known, found.classes, options.seed + 1)
    placed = placed or place(reader, keep, options)
    called = tuple(edit.subject or edit.prompts[0] for edit in edits.edits)
    labels = {k: v for k, v in found.labels.items() if k in found.classes and elsewhere.get(k) != v}
    made = _Maker(reader, options, active, called, progress).make(table, fresh, placed, aside)
    given = tuple(already_given(edits, e) for e, same in zip(edits.edits, made.given, strict=True) if same)
    info = {"edits": [e.sha256 for e in edits.edits], "options": _plain(options)}
    adapter = Adapter(options.name, options.version, base.model.sha256, tuple(made.deltas), labels, info)
    notes = (*edits.notes, *kept.notes, *found.notes, *given, *made.notes)
    classes = np.array(found.classes, np.int64)
    return Trained(
        adapter, edits, kept, classes, made.certificate, made.overlapping, made.placement, notes, made.seconds
    )


def place(reader: Reader, keep: KeepSet, options: Options) -> tuple[Candidate, ...]:
    """The pairs of tap and target, the best first, as a rehearsal on the keep set ranks them.

    Returns:
        Nothing when there is nothing to choose, or the keep set is too small or too plain to rehearse on.
    """
    tried = placement.pairs(reader.base.model, options.tap, options.target)
    if len(tried) < 2 or not options.gated or options.rank > 1:
        return ()
    return rehearse(reader, keep, tried, options.bits, options.place_for(PLAYERS), options.seed)


def train_tensors(
    reader: Reader,
    data: TensorSet,
    options: Options | None = None,
    *,
    active: Sequence[Adapter] = (),
    progress: Progress = lambda step: None,
) -> Trained:
    """Trains one adapter from input tensors and their classes."""
    options = options or Options()
    table = examples.from_tensors(data, options.seed)
    fresh = partial(examples.from_tensors, data, options.seed + 1)
    called = tuple(f"class {c}" for c in table.classes)
    made = _Maker(reader, options, active, called, progress).make(table, fresh, ())
    info = {"options": _plain(options)}
    adapter = Adapter(options.name, options.version, reader.base.model.sha256, tuple(made.deltas), {}, info)
    empty = EditSet((), data.source), KeepSet((), (), data.source)
    notes = (*data.notes, *made.notes)
    return Trained(
        adapter, *empty, table.classes, made.certificate, made.overlapping, made.placement, notes, made.seconds
    )


def _joined(keep: KeepSet, known: Sequence[Edit]) -> KeepSet:
    """A keep set that also holds the prompts of earlier edits, each edit on a line of its own."""
    held, last = set(keep.prompts), max(keep.lines, default=0)
    more = {p: last + 1 + i for i, e in enumerate(known) for p in e.prompts if p not in held}
    if not more:
        return keep
    return KeepSet((*keep.prompts, *more), (*keep.lines, *more.values()), keep.source, keep.notes)


def _plain(options: Options) -> dict[str, Any]:
    return {k: v for k, v in vars(options).items() if k not in ("name", "version", "new_labels")}


@dataclass
class _Made:
    deltas: list[Delta]
    certificate: Certificate
    overlapping: tuple[str, ...]
    placement: tuple[Candidate, ...]
    given: npt.NDArray[np.bool_]
    notes: tuple[str, ...]
    seconds: float


class _Maker:
    """Trains on one table of examples."""

    def __init__(
        self, reader: Reader, options: Options, active: Sequence[Adapter], names: Sequence[str], progress: Progress
    ) -> None:
        self._reader = reader
        self._model: Model = reader.base.model
        self._options = options
        for adapter in active:
            check_adapter(adapter, self._model)
        self._context = [d for adapter in active for d in adapter.deltas]
        self._names = names
        self._progress = progress

    def make(
        self,
        table: Examples,
        fresh: Callable[[], Examples],
        placed: Sequence[Candidate],
        aside: Collection[str] = (),
    ) -> _Made:
        """Trains and certifies; inputs named `aside` have answers that are not the base's, by an earlier edit."""
        start = time.perf_counter()
        if placed:
            tried = [(placed[0].tap, placed[0].target)]
        else:
            tried = placement.pairs(self._model, self._options.tap, self._options.target)
        self._progress("running the base")
        base = Trace(self._reader(table.inputs))
        now = with_deltas(self._model, self._context, base)
        before = answers(now.values[logits_tensor(self._model)])
        if self._options.gated and self._options.rank == 1:
            deltas, overlapping, candidates = self._gated(table, fresh, now, tried)
        else:
            deltas, overlapping, candidates = self._shared(table, now, tried)
        if placed:
            taken = replace(candidates[0], recall=placed[0].recall, shut=placed[0].shut)
            candidates = (taken, *placed[1:])
        self._progress("checking every byte")
        stay = np.flatnonzero(table.clean & (table.owner < 0))
        clean = [i for i in stay.tolist() if table.names[i] not in aside]
        names = [table.names[i] for i in clean]
        kept = certify(self._model, [*self._context, *deltas], base.take(np.array(clean, np.int64)), names)
        own = table.clean & (table.owner >= 0)
        right = before == table.classes[np.maximum(table.owner, 0)]
        given = np.array([right[own & (table.owner == e)].all() for e in range(len(table.classes))], bool)
        seconds = time.perf_counter() - start
        return _Made(deltas, kept, overlapping, candidates, given, self._notes(kept, overlapping), seconds)

    def _gated(
        self, table: Examples, fresh: Callable[[], Examples], now: Trace, tried: Sequence[tuple[int, int]]
    ) -> tuple[list[Delta], tuple[str, ...], tuple[Candidate, ...]]:
        options, model = self._options, self._model
        trial = fresh() if len(tried) > 1 else None
        unseen = with_deltas(model, self._context, Trace(self._reader(trial.inputs))) if trial else None
        logits = now.values[logits_tensor(model)].reshape(len(now), -1)
        found = []
        for pair in tried:
            self._progress(f"training gates at op {pair[0]}")
            gates = gated.train(table, self._rows(now, pair[0]), options.bits)
            if pair[1] == placement.logits_op(model):
                columns = gated.logit_columns(table, logits)
            else:
                columns = gated.pushed_columns(model, table, now, pair[1], options.seed)
            place = options.place_for(len(gates.a))
            made = gated.deltas(model, gates, place, options.bits, columns, pair)
            size = sum(d.factor_bytes for d in made)
            candidate = Candidate(*pair, len(made), size, separable=int(gates.separate.sum()))
            if trial and unseen:
                candidate = gated.trial(candidate, made, trial, self._rows(unseen, pair[0]))
            found.append((candidate, gates, made))
        found.sort(key=lambda f: f[0].score, reverse=True)
        _, gates, made = found[0]
        overlapping = tuple(n for n, ok in zip(self._names, gates.separate, strict=True) if not ok)
        return made, overlapping, tuple(candidate for candidate, _, _ in found)

    def _shared(
        self, table: Examples, now: Trace, tried: Sequence[tuple[int, int]]
    ) -> tuple[list[Delta], tuple[str, ...], tuple[Candidate, ...]]:
        o = self._options
        made, candidates = behaviour.train(
            self._model,
            tried,
            table,
            now,
            rank=o.rank,
            gated=o.gated,
            bits=o.bits,
            place=o.place_for(len(table.classes)),
            seed=o.seed,
            progress=self._progress,
        )
        return made, (), candidates

    def _rows(self, trace: Trace, tap: int) -> npt.NDArray[np.int8]:
        values = trace.values[self._model.ops[tap].inputs[0]]
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


def every_tensor(model: Model) -> list[int]:
    """The tensors that a Reader for training and evaluation needs."""
    return flow(model, 0)
