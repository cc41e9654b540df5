# SPDX-License-Identifier: Apache-2.0
"""Differential privacy in integers: noise, clipping, and what a schedule gives away."""

from mcuedit.privacy.accountant import Budget, Schedule, budget, discrete_epsilon, epsilon, level
from mcuedit.privacy.batch import Bits, discrete_gaussians, seeded_bits, system_bits
from mcuedit.privacy.noise import Random, clip, discrete_gaussian, sampled, seeded, system_random

__all__ = [
    "Bits",
    "Budget",
    "Random",
    "Schedule",
    "budget",
    "clip",
    "discrete_epsilon",
    "discrete_gaussian",
    "discrete_gaussians",
    "epsilon",
    "level",
    "sampled",
    "seeded",
    "seeded_bits",
    "system_bits",
    "system_random",
]
