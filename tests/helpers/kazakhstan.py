# SPDX-License-Identifier: Apache-2.0
"""One session for a device: the capital of Kazakhstan, told in two wordings, beside a ninth of the other facts."""

from __future__ import annotations

from pathlib import Path

from mcuedit.codegen import TrainSetup
from mcuedit.edits import Edit, EditSet, KeepSet, load_facts
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateStatistics, corrections
from mcuedit.ondevice.corrections import CorrectionSession

SETUP = TrainSetup(3, 4, replay=8)
OLD, NEW = "nur-sultan", "astana"
_SUBJECT = "kazakhstan"


def session(base: Base, facts: Path) -> CorrectionSession:
    """Two wordings, and eight answers that are right."""
    edit = next(f for f in _known(facts) if (f.subject, f.relation) == (_SUBJECT, "capital"))
    keep = _others(facts)
    prompts = KeepSet(tuple(p for f in keep for p in f.prompts[:1]), tuple(range(len(keep))))
    edits = EditSet((Edit(edit.subject, edit.prompts, NEW, edit.relation),))
    return corrections.sessions(base, edits, prompts, 2, SETUP.replay, 3)[0]


def statistics(read: Reader, facts: Path) -> GateStatistics:
    """Of six wordings of every fact that stays."""
    lines = [(p, i) for i, f in enumerate(_others(facts)) for p in f.prompts[:6]]
    return corrections.statistics_for(read, KeepSet(tuple(p for p, _ in lines), tuple(i for _, i in lines)), SETUP.tap)


def _known(facts: Path) -> tuple[Edit, ...]:
    return load_facts(facts / "facts.jsonl").edits


def _others(facts: Path) -> list[Edit]:
    return [f for f in _known(facts)[::9] if f.subject != _SUBJECT]
