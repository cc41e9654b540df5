# SPDX-License-Identifier: Apache-2.0
"""A small fleet that learns together, some of it as firmware."""

from __future__ import annotations

import pytest

from mcuedit import base as bases
from mcuedit import protocol, zoo
from mcuedit.edits import load_edits, load_facts, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.federated import Rounds
from mcuedit.federated.bench import Bench, bench
from mcuedit.zoo import facts_data

ROUNDS = Rounds(12, examples=8, secure=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("changes")
    for name, text in zip(("edits.jsonl", "keep.jsonl"), zoo.draw_edits("facts", 3, 5), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    base = bases.load(zoo.folder("facts"))
    read = protocol.reader(base, best_oracle(base.model))
    edits, keep = load_edits(folder / "edits.jsonl"), load_keep(folder / "keep.jsonl")
    touched = {edit.subject for edit in edits.edits}
    facts = load_facts(facts_data.DATA / "facts.jsonl").edits
    few = [f for f in facts if f.subject in touched] + [f for f in facts if f.subject not in touched][:60]
    return bench(read, edits, keep, few, by="subject", rounds=ROUNDS, pair=(3, 4), rank=32, devices=2, device_rounds=1)


def test_devices_compute_what_the_twin_does(made: Bench) -> None:
    assert made.device_compared > 0
    assert made.device_differing == 0


def test_masked_sums_equal_plain_ones(made: Bench) -> None:
    assert made.outcome.compared > 0
    assert made.outcome.differing == 0
    assert made.outcome.dropped > 0


def test_the_fleet_learns(made: Bench) -> None:
    assert made.metrics.efficacy > 0.5
    assert made.outcome.adapter.deltas[0].b.any()
