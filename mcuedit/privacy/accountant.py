# SPDX-License-Identifier: Apache-2.0
"""What a schedule of noisy steps gives away, by privacy loss distributions of Google's dp-accounting (SPEC.md, 11).

Privacy loss distributions compose without the loss of Renyi divergences, and each number here is an upper bound of the
mechanism with continuous noise: the library rounds losses up, and what is refined until it holds still is the last of
these bounds. `LATTICE` is added for noise in integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p, sqrt
from typing import TYPE_CHECKING

from mcuedit._util.errors import McueditError
from mcuedit._util.extras import needed
from mcuedit.privacy.noise import CLIP_MAX, SIGMA_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

    Step = Callable[[float], PrivacyLossDistribution]

LATTICE = 1e-4
"""Share by which what is stated exceeds the epsilon of continuous noise; noise in integers of a sigma of 16 or more
gives away less than that more (tests/unit/privacy/test_accountant.py)."""

_USE = "differential privacy"
_SETTLED = 1e-3  # relative change of epsilon at which it is taken: a fifteenth of that is left
_COARSE = 1e-3  # first interval of losses, as a share of epsilon without sampling


@dataclass(frozen=True)
class Schedule:
    """Steps of training with differential privacy, in the integers that the trainer computes with.

    Attributes:
        sigma: standard deviation of the noise on every element of a step's sum.
        clip: L2 norm of what one unit adds to a sum at most; adding or removing a unit changes the sum by as much.
        steps: how many.
        rate: probability that a unit takes part in a step (Poisson sampling), 0 < rate <= 1.
    """

    sigma: int
    clip: int
    steps: int
    rate: float

    def __post_init__(self) -> None:
        for name, value, most in (("sigma", self.sigma, SIGMA_MAX), ("clip", self.clip, CLIP_MAX)):
            if not 1 <= value <= most:
                raise McueditError(f"{name} {value}", f"an integer from 1 to {most}")
        if self.steps < 1:
            raise McueditError(f"{self.steps} steps", "1 or more")
        if not 0 < self.rate <= 1:
            raise McueditError(f"sampling rate {self.rate}", "more than 0, at most 1")

    @property
    def multiplier(self) -> float:
        """Noise multiplier: sigma over the sensitivity."""
        return self.sigma / self.clip

    @property
    def q(self) -> int:
        """The rate in units of 2^-32, as `sampled` takes it: never more than `rate`."""
        return min(int(self.rate * (1 << 32)), (1 << 32) - 1)


def epsilon(schedule: Schedule, delta: float, group: int = 1) -> float:
    """Epsilon at `delta` of adding or removing `group` units at once.

    With the rate 1 the units of a group move every sum by at most group * clip: one Gaussian, in closed form (Balle and
    Wang, 2018). Else each takes part by a coin of its own, and a step moves by a binomially distributed number of
    clips: a mixture of Gaussians (Ganesh, 2024). That is less than `group` times the epsilon of one would say of few
    steps with little noise, and more than it of many with much.

    Raises:
        McueditError: delta is no probability, the group is empty, or dp-accounting is not installed.
    """
    if group < 1:
        raise McueditError(f"a group of {group}", "1 or more")
    whole = _unsampled(schedule, delta, group)
    if schedule.rate == 1:
        return whole * (1 + LATTICE)
    with needed("privacy", _USE):
        from dp_accounting.pld import privacy_loss_distribution as pld

    if group == 1:

        def step(interval: float) -> PrivacyLossDistribution:
            return pld.from_gaussian_mechanism(
                schedule.multiplier, value_discretization_interval=interval, sampling_prob=schedule.rate
            )
    else:
        taken = _binomial(group, schedule.rate)

        def step(interval: float) -> PrivacyLossDistribution:
            return pld.from_mixture_gaussian_mechanism(
                schedule.multiplier, range(group + 1), taken, value_discretization_interval=interval
            )

    return min(_settled(step, schedule.steps, delta, whole), whole) * (1 + LATTICE)


def replacement_epsilon(schedule: Schedule, delta: float) -> float:
    """Epsilon at `delta` of changing what one unit says, such as one prompt of an edit that is clipped as a whole.

    Two clipped sums are at most 2 * clip apart.

    Raises:
        McueditError: as `epsilon`.
    """
    whole = _unsampled(schedule, delta, 2)
    if schedule.rate == 1:
        return whole * (1 + LATTICE)
    with needed("privacy", _USE):
        from dp_accounting import NeighboringRelation
        from dp_accounting.pld import privacy_loss_distribution as pld

    def step(interval: float) -> PrivacyLossDistribution:
        return pld.from_gaussian_mechanism(
            schedule.multiplier,
            value_discretization_interval=interval,
            sampling_prob=schedule.rate,
            neighboring_relation=NeighboringRelation.REPLACE_ONE,
        )

    return min(_settled(step, schedule.steps, delta, whole), whole) * (1 + LATTICE)


def discrete_epsilon(schedule: Schedule, delta: float, group: int = 1) -> float:
    """Epsilon at `delta` of the integer mechanism along one coordinate, all of a group sampled together.

    That is where a lattice shows most: along other directions the sums of its steps lie closer.

    Raises:
        McueditError: as `epsilon`.
    """
    whole = _unsampled(schedule, delta, group)
    with needed("privacy", _USE):
        from dp_accounting.pld import privacy_loss_distribution as pld

    def step(interval: float) -> PrivacyLossDistribution:
        return pld.from_discrete_gaussian_mechanism(
            schedule.sigma,
            schedule.clip * group,
            value_discretization_interval=interval,
            sampling_prob=schedule.rate,
            use_connect_dots=True,
        )

    return _settled(step, schedule.steps, delta, whole)


def _unsampled(schedule: Schedule, delta: float, group: int) -> float:
    """Epsilon with the rate 1: never less than with another."""
    if not 0 < delta < 1:
        raise McueditError(f"delta {delta}", "more than 0, less than 1; well below one over the number of examples")
    with needed("privacy", _USE):
        from dp_accounting import gaussian_mechanism

    multiplier = schedule.multiplier / (group * sqrt(schedule.steps))
    return float(gaussian_mechanism.get_epsilon_gaussian(multiplier, delta))


def _binomial(n: int, p: float) -> list[float]:
    """Probabilities of 0 to n successes, 0 < p < 1."""
    ways = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(n + 1)]
    found = [exp(w + k * log(p) + (n - k) * log1p(-p)) for k, w in enumerate(ways)]
    return [f / sum(found) for f in found]


def _settled(step: Step, steps: int, delta: float, whole: float) -> float:
    """Epsilon of so many steps, losses being rounded up to finer and finer intervals.

    A fourth of the interval leaves a sixteenth of the error, so that the last change says how much may be left.

    Args:
        whole: epsilon without sampling: the order of magnitude to begin with.
    """
    if not whole:
        return 0.0
    interval, found = _COARSE * whole, inf
    while True:
        finer = float(step(interval).self_compose(steps).get_epsilon_for_delta(delta))
        if finer >= found * (1 - _SETTLED):
            return min(finer, found)
        interval, found = min(interval / 4, _COARSE * finer), finer
