# SPDX-License-Identifier: Apache-2.0
"""The story of `make demo`, told whole."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from helpers.waiting import processor_time

from mcuedit import cli
from mcuedit.cli.repair.demo import NEAR, RELATION, SUBJECT, draw
from mcuedit.edits import bag_of_words, check_edits, check_keep


def test_case_keeps_and_looks_at_different_facts(facts):
    case = draw(facts, 0)
    assert (case.edit.subject, case.edit.relation) == (SUBJECT, RELATION)
    assert (case.edit.ground_truth, case.edit.target_new) == ("bujumbura", "gitega")
    assert not {*map(bag_of_words, case.keep.prompts)} & {*map(bag_of_words, case.neighbours)}
    assert not any(SUBJECT in prompt for prompt in (*case.keep.prompts, *case.neighbours))
    assert all(SUBJECT in prompt for prompt in case.edit.locality)
    assert any(name in case.neighbours[i] for name in NEAR for i in case.shown)
    assert check_edits(case.edits).edits == case.edits.edits
    assert check_keep(case.keep, case.edits) == case.keep
    assert draw(facts, 0) == case
    assert draw(facts, 1) != case


@pytest.fixture(scope="module")
def told() -> tuple[int, str, str, float]:
    out, err, began = io.StringIO(), io.StringIO(), processor_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.invoke(["demo", "--json"])
    return code, out.getvalue(), err.getvalue(), processor_time() - began


def test_repairs_and_leaves_the_rest_alone(told):
    code, out, _, computed = told
    values = json.loads(out)
    assert code == 0
    assert (values["answer_before"], values["answer_after"]) == ("bujumbura", "gitega")
    assert values["neighbours"] == values["neighbours_identical"] > 100
    assert values["efficacy"] == 1.0
    assert values["update_bytes"] <= 200
    assert 0 < values["instructions_added_closed"] <= 600
    assert values["instructions_added_closed"] < values["instructions_added_open"] <= 5500
    assert computed <= 90


def test_tells_the_story_beside_the_json(told):
    _, out, err, _ = told
    assert out.count("\n") == 1
    parts = [err.index(headline) for headline in ("Ask the device", "Train the repair", "ask again", "left alone")]
    assert parts == sorted(parts)
    assert err.index("bujumbura") < err.index("gitega")
    assert err.rstrip().splitlines()[-1].startswith("Repaired")


@pytest.fixture(scope="module")
def learned() -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.invoke(["demo", "learn", "--json"])
    return code, out.getvalue(), err.getvalue()


def test_a_device_learns_and_keeps_it(learned):
    code, out, err = learned
    values = json.loads(out)
    assert code == 0
    answers = [values[f"answer_{when}"] for when in ("before", "after", "after_reset")]
    assert answers == ["bujumbura", "gitega", "gitega"]
    assert (values["told"], values["confirmed"]) == (2, 32)
    assert values["untold_right"] >= 0.9 * values["untold"] > 20
    assert values["neighbours_same_answer"] >= 0.985 * values["neighbours"] > 500
    assert values["outputs_identical"] >= 0.985 * values["outputs_compared"] > 100
    assert values["workspace_bytes"] <= 6 * 1024
    assert values["statistics_bytes"] <= 16 * 1024
    assert values["instructions"] < 10_000_000
    assert err.rstrip().splitlines()[-1].startswith("Repaired")


def test_there_is_no_other_story():
    assert cli.invoke(["demo", "nothing"]) == 2
