# SPDX-License-Identifier: Apache-2.0
"""Differential privacy in integers: noise, clipping, and what a schedule gives away."""

from mcuedit.privacy.accountant import Schedule, discrete_epsilon, epsilon
from mcuedit.privacy.noise import Random, clip, discrete_gaussian, sampled, seeded, system_random

__all__ = [
    "Random",
    "Schedule",
    "clip",
    "discrete_epsilon",
    "discrete_gaussian",
    "epsilon",
    "sampled",
    "seeded",
    "system_random",
]
