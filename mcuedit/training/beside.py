# SPDX-License-Identifier: Apache-2.0
"""Training beside adapters in force, and again together with those that an edit cannot act beside.

Two gates that open on one input add up: a class that one lowers the other cannot raise, and two that are raised
tie. Gates trained together are told from each other, so such adapters become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcuedit.adapter.delta import Adapter
from mcuedit.edits import Edit, EditSet, bag_of_words
from mcuedit.evaluation.metrics import Measure
from mcuedit.model.oracle import Reader
from mcuedit.training.edited import Edited
from mcuedit.training.methods import fit
from mcuedit.training.options import Options
from mcuedit.training.problem import Problem, TextEdits


@dataclass(frozen=True)
class InForce:
    """An adapter in force, and the edits that it remembers; none if it came as device bytes."""

    adapter: Adapter
    edits: tuple[Edit, ...] = ()


def train_beside(problem: Problem, options: Options, beside: Sequence[InForce]) -> tuple[Edited, tuple[Adapter, ...]]:
    """Trains text beside adapters in force. Where an edit does not act, those in its way are trained again with it.

    Args:
        problem: without adapters in force, which `beside` names.

    Returns:
        (the adapter, which replaces those that its notes name; the adapters that stay in force beside it)

    Raises:
        McueditError: as `fit`.
    """
    edits = problem.text.edits
    left, names, replaced = list(beside), dict(problem.names or {}), list[InForce]()
    while True:
        active = tuple(one.adapter for one in left)
        earlier = [edit for one in left for edit in one.edits]
        data = TextEdits(edits, problem.text.keep)
        asked = replace(problem, data=data, active=active, earlier=earlier, names=names)
        trained = fit("text", asked, options)
        rivals = [] if trained.acting.holds else _rivals(problem.reader, left, trained)
        if not rivals:
            notes = tuple(_note(one.adapter.name, options.name) for one in replaced)
            away = tuple(one.adapter.name for one in replaced)
            return replace(trained, notes=(*trained.notes, *notes), replaces=away), active
        for one in rivals:
            left.remove(one)
            names |= one.adapter.labels
            edits = replace(edits, edits=(*still_wanted(one.edits, edits), *edits.edits))
        replaced += rivals


def still_wanted(old: Sequence[Edit], new: EditSet) -> list[Edit]:
    """Earlier edits, but for those that a later one overrules: by one of its prompts, or by subject and relation."""
    asked = {bag_of_words(p) for e in new.edits for p in e.prompts}
    facts = {_fact(e) for e in new.edits if e.relation}
    return [e for e in old if _fact(e) not in facts and asked.isdisjoint(map(bag_of_words, e.prompts))]


def _fact(edit: Edit) -> tuple[str, str]:
    return edit.subject.strip().casefold(), edit.relation.strip().casefold()


def _rivals(reader: Reader, left: Sequence[InForce], trained: Edited) -> list[InForce]:
    """Those in the way of the new adapter that can be trained again: without them its inputs are answered otherwise."""
    acting, measure, able = trained.acting, Measure(reader), [one for one in left if one.edits]
    missed = [*acting.missed, *acting.disturbed]

    def answers(without: Sequence[InForce]) -> list[tuple[int, bool]]:
        rest = [d for one in left if one not in without for d in one.adapter.deltas]
        seen = measure.see(missed, [*rest, *trained.adapter.deltas])
        return list(zip(seen.after.tolist(), seen.tie.tolist(), strict=True))

    now = answers(())
    own = set(acting.disturbed)
    found = [o for o in able if answers([o]) != now or not own.isdisjoint(p for e in o.edits for p in e.prompts)]
    return found or (able if answers(able) != now else [])


def _note(old: str, new: str) -> str:
    return (
        f"an edit cannot act beside {old}, whose gates open on its prompts too: both were trained together. "
        f"{new} replaces {old}: take {old} out of force when {new} goes in ('mcuedit deactivate {old} --to ADDRESS')"
    )
