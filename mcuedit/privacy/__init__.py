# SPDX-License-Identifier: Apache-2.0
"""Differential privacy in integers: noise, clipping, and what a schedule gives away."""

from mcuedit.privacy.accountant import Schedule, discrete_epsilon, epsilon, replacement_epsilon
from mcuedit.privacy.batch import Bits, discrete_gaussians, seeded_bits, system_bits
from mcuedit.privacy.budget import EDIT, PROMPT, UNITS, Budget, Protected, budget, level, shown
from mcuedit.privacy.noise import Random, clip, discrete_gaussian, sampled, seeded, system_random

__all__ = [
    "EDIT",
    "PROMPT",
    "UNITS",
    "Bits",
    "Budget",
    "Protected",
    "Random",
    "Schedule",
    "budget",
    "clip",
    "discrete_epsilon",
    "discrete_gaussian",
    "discrete_gaussians",
    "epsilon",
    "level",
    "replacement_epsilon",
    "sampled",
    "seeded",
    "seeded_bits",
    "shown",
    "system_bits",
    "system_random",
]
