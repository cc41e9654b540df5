# SPDX-License-Identifier: Apache-2.0
"""What a device carries to learn, what it is told, and what its numpy twin makes of it on the base facts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers import trainer

from mcuedit._util.errors import McueditError
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import Edit, EditSet, KeepSet, load_facts
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateTrainer, corrections, gate_statistics
from mcuedit.ondevice.sizes import gate_budget, gate_workspace
from mcuedit.ondevice.statistics import FLASH

WORKSPACE = 6 * 1024  # of a tap 128 wide, two wordings, 32 confirmed inputs


def test_statistics_are_chosen_the_same_way_every_time_and_fit() -> None:
    rows, groups = trainer.rows(128, 60, 6)
    one, other = (gate_statistics(rows, groups) for _ in range(2))
    assert one.size <= FLASH
    for name in ("centre", "directions", "damping", "rows"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert np.abs(one.directions.astype(int)).max(axis=1).tolist() == [127] * len(one.directions)


def test_less_flash_takes_fewer_rows() -> None:
    rows, groups = trainer.rows(128, 60, 6)
    assert gate_statistics(rows, groups, flash=8192).size <= 8192
    with pytest.raises(McueditError, match="1000 bytes of flash"):
        gate_statistics(rows, groups, flash=1000)
    with pytest.raises(McueditError, match="12 keep inputs"):
        gate_statistics(rows[:12], groups[:12])


def test_rows_without_wordings_do() -> None:
    rows, _ = trainer.rows(32, 60, 2)
    made = gate_statistics(rows, np.arange(len(rows)))
    twin = GateTrainer(made, rows[:2], rows[4:20:2])
    twin.run()
    assert twin.threshold()[1]


def test_directions_of_wordings_count_for_little() -> None:
    rows, groups = trainer.rows(64, 60, 6)
    statistics = gate_statistics(rows, groups)
    x, _ = trainer.rows(64, 12, 2, 99)
    twins = [
        GateTrainer(s, x[:2], x[2::2])
        for s in (statistics, dataclasses.replace(statistics, damping=0 * statistics.damping))
    ]
    axis = statistics.directions[0] / np.linalg.norm(statistics.directions[0])
    with_damping, without = (abs(float(t.w @ axis)) / np.linalg.norm(t.w) for t in twins)
    assert with_damping < without / 2


def test_workspace_of_facts() -> None:
    assert gate_workspace(128, 2, 32, 54) <= WORKSPACE


@pytest.fixture(scope="module")
def read(facts: Path) -> Reader:
    found = bases.load(facts)
    return benchmark.reader(found, best_oracle(found.model))


def keep_of(known: Sequence[Edit], count: int) -> KeepSet:
    lines = [(p, i) for i, fact in enumerate(known[:count]) for p in fact.prompts[:6]]
    return KeepSet(tuple(p for p, _ in lines), tuple(i for _, i in lines))


def test_facts_are_learned_from_two_wordings(read: Reader, facts: Path) -> None:
    known = load_facts(facts / "facts.jsonl").edits[::3]
    keep, asked = keep_of(known, 120), known[200:206]
    edits = EditSet(tuple(dataclasses.replace(f, target_new=known[i].target_new) for i, f in enumerate(asked)))
    statistics = corrections.statistics_for(read, keep, 3)
    told = corrections.sessions(read.base, edits, keep, 2, 32, 7)
    right = total = 0
    for session, edit in zip(told, edits.edits, strict=True):
        assert set(session.edit.prompts) < set(edit.prompts)
        delta = corrections.learn(read, session, statistics, (3, 4))
        tap = read(list(edit.rephrase_prompts))[read.base.model.ops[3].inputs[0]].reshape(-1, 128)
        own = read(list(session.edit.prompts))[read.base.model.ops[3].inputs[0]].reshape(-1, 128)
        assert (delta.project(own) >= 3).all()
        right += int((delta.project(tap) > 0).sum())
        total += len(tap)
    assert right / total >= 0.8


def test_plan_says_what_the_macros_say(read: Reader) -> None:
    rows, groups = trainer.rows(128, 60, 6)
    plan = gate_budget(read.base.model, gate_statistics(rows, groups), 3, 2, 32)
    assert plan["workspace"] == gate_workspace(128, 2, 32, 54)
    assert plan["adapter"] == 184


def test_too_few_wordings_name_the_edit(read: Reader) -> None:
    edit = Edit("one", ("only one",), str(read.base.labels[0] if read.base.labels else ""), line=3)
    with pytest.raises(McueditError, match="edits:3: 1 wordings"):
        corrections.sessions(read.base, EditSet((edit,)), KeepSet(("a", "b"), (1, 2)), 2, 1, 0)
