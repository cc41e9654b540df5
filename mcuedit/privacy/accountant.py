# SPDX-License-Identifier: Apache-2.0
"""What a schedule of noisy steps gives away, by Google's dp-accounting."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import ceil

from mcuedit._util.errors import McueditError
from mcuedit._util.extras import needed
from mcuedit.privacy.noise import CLIP_MAX, SIGMA_MAX

_USE = "differential privacy"


@dataclass(frozen=True)
class Schedule:
    """Steps of training with differential privacy, in the integers that the trainer computes with.

    Attributes:
        sigma: standard deviation of the noise on every element of a step's sum.
        clip: L2 norm that an example's gradient has at most; adding or removing an example changes the sum by as much.
        steps: how many.
        rate: probability that an example takes part in a step (Poisson sampling), 0 < rate <= 1.
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


@dataclass(frozen=True)
class Budget:
    """A schedule and what it gives away.

    Attributes:
        examples: that are protected, each from being known to be among them or not.
        epsilon, delta: of adding or removing one example.
    """

    schedule: Schedule
    examples: int
    epsilon: float
    delta: float

    def flat(self) -> dict[str, float | int]:
        """Keys and values for --json and for what an adapter remembers."""
        s = self.schedule
        values = {"epsilon": ceil(self.epsilon * 1e4) / 1e4, "delta": self.delta, "sigma": s.sigma, "clip": s.clip}
        return {**values, "steps": s.steps, "rate": s.rate, "private_examples": self.examples}

    def __str__(self) -> str:
        s = self.schedule
        how = f"sigma {s.sigma}, clip {s.clip}, {s.steps} steps, rate {s.rate:g}"
        return f"epsilon {self.epsilon:.2f} at delta {self.delta:.1e} for each of {self.examples:,} examples ({how})"


def level(examples: int) -> float:
    """The delta that we state: examples^-1.1, well below one in `examples`."""
    return 1 / float(max(examples, 2) ** 1.1)


def budget(text: str, rate: float, examples: int, delta: float | None = None) -> Budget:
    """Reads "sigma,clip,steps" as --dp takes it, and says what that gives away.

    Args:
        rate: probability that an example takes part in a step.
        examples: how many are protected.
        delta: None: `level`.

    Raises:
        McueditError: these are not three integers in range, or there is nothing to protect.
    """
    parts = text.split(",")
    if len(parts) != 3 or not all(p.strip().isdecimal() for p in parts):
        raise McueditError(f"--dp {text!r}", "three integers: SIGMA,CLIP,STEPS, such as 200,50,30")
    if examples < 1:
        raise McueditError("nothing to protect", "private training needs at least one example")
    sigma, clip, steps = (int(p) for p in parts)
    schedule = Schedule(sigma, clip, steps, rate)
    delta = level(examples) if delta is None else delta
    return Budget(schedule, examples, epsilon(schedule, delta), delta)


def epsilon(schedule: Schedule, delta: float) -> float:
    """Epsilon at `delta` of the schedule with continuous Gaussian noise, by Renyi divergences: what we state.

    Raises:
        McueditError: delta is no probability, or dp-accounting is not installed.
    """
    with needed("privacy", _USE):
        from dp_accounting import dp_event, rdp

    _check(delta)
    logging.getLogger("absl").setLevel(logging.ERROR)  # orders that do not converge are left out, which is safe
    accountant = rdp.RdpAccountant()
    step = dp_event.PoissonSampledDpEvent(schedule.rate, dp_event.GaussianDpEvent(schedule.multiplier))
    accountant.compose(step, schedule.steps)
    return float(accountant.get_epsilon(delta))


def discrete_epsilon(schedule: Schedule, delta: float) -> float:
    """Epsilon at `delta` of the integer mechanism along one coordinate, by privacy loss distributions.

    An example moves the sum by at most `clip` along any direction. A lattice is not the same in all directions; the
    discrete Gaussian's Renyi divergence is at most that of the continuous one in each (Canonne, Kamath and Steinke,
    2020), so that the whole mechanism is bounded by `epsilon`, and this shows by how much.

    Raises:
        McueditError: delta is no probability, or dp-accounting is not installed.
    """
    with needed("privacy", _USE):
        from dp_accounting.pld import privacy_loss_distribution as pld

    _check(delta)
    step = pld.from_discrete_gaussian_mechanism(schedule.sigma, schedule.clip, sampling_prob=schedule.rate)
    return float(step.self_compose(schedule.steps).get_epsilon_for_delta(delta))


def _check(delta: float) -> None:
    if not 0 < delta < 1:
        raise McueditError(f"delta {delta}", "more than 0, less than 1; well below one over the number of examples")
