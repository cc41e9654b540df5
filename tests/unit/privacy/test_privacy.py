# SPDX-License-Identifier: Apache-2.0
"""What a schedule gives away, against published figures; what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.privacy import Schedule


@pytest.mark.parametrize(
    ("rate", "steps", "delta", "wanted"),
    [(0.01, 1000, 1e-5, 2.1014), (0.1, 100, 1e-4, 6.8216)],  # dp-accounting, noise multiplier 1
)
def test_epsilon(rate: float, steps: int, delta: float, wanted: float) -> None:
    assert privacy.epsilon(Schedule(256, 256, steps, rate), delta) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("clip", [64, 256, 1000])
def test_noise_in_integers_gives_away_no_more(clip: int) -> None:
    schedule = Schedule(2 * clip, clip, 200, 0.05)
    assert privacy.discrete_epsilon(schedule, 1e-5) <= privacy.epsilon(schedule, 1e-5)


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
