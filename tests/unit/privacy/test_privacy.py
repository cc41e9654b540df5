# SPDX-License-Identifier: Apache-2.0
"""Whom a schedule protects, what is stated of it, and what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.privacy import Protected, Schedule


def _protected(unit: str | None = None) -> Protected:
    """Of three edits: of one user two, which share a prompt, and one of nobody."""
    return Protected.of([["a", "b", "c"], ["c", "d"], ["e"]], ["ann", "ann", ""], unit)


def test_who_is_protected() -> None:
    assert _protected() == Protected(5, 3, 3, 2, 2, privacy.EDIT)
    assert _protected(privacy.PROMPT) == Protected(5, 3, 3, 2, 4, privacy.PROMPT)
    assert Protected.of([["a"], ["b"]], ["", ""]) == Protected(2, 2, 1, None, 1, privacy.PROMPT)


def test_an_edit_is_a_group_of_its_prompts_where_these_are_clipped() -> None:
    schedule = Schedule(200, 50, 30, 1.0)
    made = privacy.budget("200,50,30", 1.0, _protected(privacy.PROMPT))
    groups = [privacy.epsilon(schedule, made.delta, k) for k in (1, 3, 4)]
    assert [made.prompt, made.edit, made.user] == groups
    assert made.epsilon == made.prompt


def test_a_prompt_is_a_replaced_edit_where_edits_are_clipped() -> None:
    schedule = Schedule(200, 50, 30, 1.0)
    made = privacy.budget("200,50,30", 1.0, _protected())
    assert [made.edit, made.user] == [privacy.epsilon(schedule, made.delta, k) for k in (1, 2)]
    assert made.prompt == privacy.replacement_epsilon(schedule, made.delta)
    assert made.epsilon == made.edit
    alone = privacy.budget("200,50,30", 1.0, Protected.of([["a"]], [""], privacy.EDIT))
    assert alone.prompt == alone.edit


def test_what_is_shown_is_never_below_what_it_is() -> None:
    for sigma in range(50, 400, 17):
        made = privacy.budget(f"{sigma},50,30", 1.0, _protected())
        flat = made.flat()
        names = ("epsilon_prompt", "epsilon_edit", "epsilon_user")
        for name, exact, shown in zip(names, (made.prompt, made.edit, made.user), _numbers(str(made)), strict=True):
            assert exact is not None
            assert exact <= float(flat[name]) <= exact * (1 + 1e-5)
            assert exact <= shown <= exact * (1 + 1e-3)
        assert (flat["private_examples"], flat["private_edits"], flat["private_users"]) == (5, 3, 2)
        assert (flat["wordings"], flat["unit"]) == (3, "edit")


def _numbers(told: str) -> list[float]:
    """What stands before "for each"."""
    return [float(part.split()[-1]) for part in told.split(" for each")[:-1]]


def test_delta_is_that_of_the_public_count_and_shown() -> None:
    for prompts in (1, 9, 672, 10**6):
        made = privacy.budget("200,50,30", 1.0, Protected(prompts))
        assert made.delta <= min(prompts**-1.1, 1e-3)
        assert f"at delta {made.delta:.2e}" in str(made)
    assert privacy.budget("200,50,30", 1.0, Protected(672), 1e-6).delta == 1e-6


@pytest.mark.parametrize("delta", [0, -1, 0.01, 1])
def test_a_delta_that_would_let_a_prompt_out_is_refused(delta: float) -> None:
    with pytest.raises(McueditError, match="for 672 prompts"):
        privacy.budget("200,50,30", 1.0, Protected(672), delta)


@pytest.mark.parametrize(
    ("sigma", "clip", "steps", "rate"),
    [(0, 1, 1, 0.1), (4097, 1, 1, 0.1), (1, 0, 1, 0.1), (1, 1, 0, 0.1), (1, 1, 1, 0)],
)
def test_impossible_schedules_are_refused(sigma: int, clip: int, steps: int, rate: float) -> None:
    with pytest.raises(McueditError):
        Schedule(sigma, clip, steps, rate)


def test_a_delta_that_is_no_probability_is_refused() -> None:
    with pytest.raises(McueditError, match="delta"):
        privacy.epsilon(Schedule(1, 1, 1, 0.1), 1.0)


def test_without_the_accountant_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(McueditError, match="differential privacy needs dp_accounting, which is not inst") as caught:
        privacy.epsilon(Schedule(256, 256, 10, 0.1), 1e-5)
    assert caught.value.hint == "pip install 'mcuedit[privacy]'"


def test_the_system_has_bits() -> None:
    draws = np.array([privacy.system_random() for _ in range(64)])
    assert len(set(draws.tolist())) > 60
    assert ((draws >= 0) & (draws < 1 << 32)).all()
