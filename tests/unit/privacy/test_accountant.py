# SPDX-License-Identifier: Apache-2.0
"""Epsilon of a prompt, an edit and a user, against accountants written here: never below them, equal to 3 digits."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, log, sqrt

import numpy as np
import pytest
from scipy.special import log_ndtr, logsumexp, ndtr

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.privacy import Schedule

DIGITS = 5e-4  # relative


def _bisected(delta_at: Callable[[float], float], delta: float, most: float) -> float:
    """Where a falling function takes a value."""
    least = 0.0
    for _ in range(60):
        middle = (least + most) / 2
        least, most = (middle, most) if delta_at(middle) > delta else (least, middle)
    return most


def _gaussian(schedule: Schedule, delta: float, group: int) -> float:
    """All of a group in every step: one Gaussian, whose delta is known (Balle and Wang, 2018, theorem 8)."""
    mean = group * sqrt(schedule.steps) / schedule.multiplier

    def delta_at(e: float) -> float:
        return float(np.exp(log_ndtr(mean / 2 - e / mean)) - np.exp(e + log_ndtr(-mean / 2 - e / mean)))

    return _bisected(delta_at, delta, mean * mean / 2 + 20 * mean)


def _integrated(
    schedule: Schedule, delta: float, group: int, *, interval: float = 2e-4, replaced: bool = False
) -> float:
    """Losses of one step on a fine grid, their distribution to the power of the steps by Fourier transform.

    A loss between two places of the grid is shared by them, so that its mean is kept. `replaced`: the group is one unit
    that says the opposite.
    """
    m, q, n = schedule.multiplier, schedule.rate, group
    weights = np.array([comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)])
    edges = np.linspace(-n - 12 * m, 2 * n + 12 * m, 400_001)
    middle = (edges[1:] + edges[:-1]) / 2
    here = np.diff(np.array([w * ndtr((edges - k) / m) for k, w in enumerate(weights)]).sum(axis=0))
    there = np.diff(ndtr(edges / m))

    def log_ratio(x: np.ndarray) -> np.ndarray:
        k = np.arange(n + 1)[:, None]
        return np.asarray(logsumexp((2 * k * x - k * k) / (2 * m * m) + np.log(weights)[:, None], axis=0))

    loss = log_ratio(middle)
    ways = [(here, loss), (there, -loss)]
    if replaced:
        ways = [(here, loss - log_ratio(-middle))]
    return max(_composed(p, x, schedule.steps, interval, delta) for p, x in ways)


def _composed(p: np.ndarray, loss: np.ndarray, steps: int, interval: float, delta: float) -> float:
    mean, spread = float((p * loss).sum()) * steps, sqrt(float((p * loss * loss).sum()) * steps)
    far = 4 * abs(mean) + 40 * spread + 2 * float(np.abs(loss[p > 1e-18]).max())
    size = 1 << int(np.ceil(np.log2(far / interval)))
    at = loss / interval
    low = np.floor(at).astype(np.int64)
    grid = np.bincount(low % size, p * (1 - (at - low)), size) + np.bincount((low + 1) % size, p * (at - low), size)
    many = np.fft.irfft(np.fft.rfft(grid) ** steps, size)
    values = np.arange(size) * interval
    first = (mean - size * interval / 2) // (size * interval) * size * interval  # the turn that the mean lies in
    values = np.where(values + first < mean - size * interval / 2, values + first + size * interval, values + first)

    def delta_at(e: float) -> float:
        far = values > e
        return float((many[far] * -np.expm1(e - values[far])).sum())

    return _bisected(delta_at, delta, float(values.max()))


@pytest.mark.parametrize("group", [1, 2, 8, 32])
@pytest.mark.parametrize(
    ("schedule", "delta"),
    [((200, 50, 30), 7.8e-4), ((800, 50, 30), 1e-5), ((20, 50, 30), 1e-3), ((4000, 300, 1000), 1e-6)],
)
def test_without_sampling_it_is_that_of_one_gaussian(schedule: tuple[int, int, int], delta: float, group: int) -> None:
    made = Schedule(*schedule, 1.0)
    stated, exact = privacy.epsilon(made, delta, group), _gaussian(made, delta, group)
    assert exact <= stated <= exact * (1 + DIGITS)


CASES = [
    (Schedule(200, 50, 30, 0.5), 7.8e-4, 1),
    (Schedule(200, 50, 30, 0.5), 7.8e-4, 3),
    (Schedule(200, 50, 10, 0.1), 1e-5, 8),
    (Schedule(256, 256, 100, 0.02), 1e-5, 1),
    (Schedule(400, 100, 60, 0.25), 1e-3, 4),
]


@pytest.mark.parametrize(("schedule", "delta", "group"), CASES)
def test_with_sampling_it_is_that_of_the_integrated_mixture(schedule: Schedule, delta: float, group: int) -> None:
    stated, exact = privacy.epsilon(schedule, delta, group), _integrated(schedule, delta, group)
    assert exact <= stated <= exact * (1 + DIGITS)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_a_replaced_unit_is_that_of_the_integrated_pair(rate: float) -> None:
    schedule = Schedule(200, 50, 30, rate)
    stated = privacy.replacement_epsilon(schedule, 7.8e-4)
    exact = _integrated(schedule, 7.8e-4, 1, replaced=True)
    assert exact <= stated <= exact * (1 + DIGITS)
    assert privacy.replacement_epsilon(Schedule(200, 50, 30, 1.0), 7.8e-4) == privacy.epsilon(
        Schedule(200, 50, 30, 1.0), 7.8e-4, 2
    )


@pytest.mark.parametrize(("schedule", "delta", "group"), [c for c in CASES if c[2] == 1])
def test_it_is_tighter_than_renyi_divergences(schedule: Schedule, delta: float, group: int) -> None:
    from dp_accounting import dp_event, rdp

    accountant = rdp.RdpAccountant()
    step = dp_event.PoissonSampledDpEvent(schedule.rate, dp_event.GaussianDpEvent(schedule.multiplier))
    accountant.compose(step, schedule.steps)
    assert 0.7 * accountant.get_epsilon(delta) < privacy.epsilon(schedule, delta) < accountant.get_epsilon(delta)


def test_an_edit_is_not_its_wordings_times_a_prompt() -> None:
    """The guide said so once: k wordings, about k times the epsilon. Of 32 wordings that is a seventh of it."""
    schedule = Schedule(200, 50, 30, 1.0)
    one, edit = privacy.epsilon(schedule, 7.8e-4), privacy.epsilon(schedule, 7.8e-4, 32)
    assert edit > 7 * 32 * one
    quiet = Schedule(4000, 50, 30, 1.0)
    assert privacy.epsilon(quiet, 1e-3, 4) > 4 * privacy.epsilon(quiet, 1e-3)


@pytest.mark.parametrize(("sigma", "clip"), [(16, 50), (16, 16), (20, 5), (64, 16), (200, 50), (400, 1000)])
@pytest.mark.parametrize(("steps", "rate", "group"), [(1, 1.0, 1), (30, 1.0, 1), (10, 1.0, 2), (40, 0.2, 1)])
def test_noise_in_integers_gives_away_no_more(sigma: int, clip: int, steps: int, rate: float, group: int) -> None:
    schedule = Schedule(sigma, clip, steps, rate)
    assert privacy.discrete_epsilon(schedule, 1e-4, group) <= privacy.epsilon(schedule, 1e-4, group) * (1 + 1e-9)


def test_a_group_of_none_is_refused() -> None:
    with pytest.raises(McueditError, match="group of 0"):
        privacy.epsilon(Schedule(200, 50, 30, 1.0), 1e-3, 0)


def _attacked(schedule: Schedule, group: int, delta: float, threshold: float) -> float:
    """Epsilon that a threshold along the one direction shows, of one step without sampling."""
    move = group / schedule.multiplier
    hit, false = ndtr(move - threshold), ndtr(-threshold)
    return float(log((hit - delta) / false)) if hit > delta else 0.0


def test_an_attack_on_an_edit_shows_more_than_its_prompts_epsilon_and_no_more_than_its_own() -> None:
    schedule, delta = Schedule(200, 50, 1, 1.0), 1e-3
    shown = max(_attacked(schedule, 8, delta, t) for t in np.linspace(-4, 12, 400))
    assert privacy.epsilon(schedule, delta) < shown <= privacy.epsilon(schedule, delta, 8)
