# SPDX-License-Identifier: Apache-2.0
"""The twin of firmware/federate/privacy.c: the same draws from the same bits (SPEC.md, section 11)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from math import isqrt

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray

SIGMA_MAX, CLIP_MAX = 4096, 32767
_SAFE = 1 << 16  # squares below 2^46 that add up within 63 bits

Random = Callable[[], int]
"""Gives 32 uniform bits at a call."""


def system_random() -> int:
    """32 bits from the operating system."""
    return secrets.randbits(32)


def seeded(seed: int) -> Random:
    """Bits that can be had again: for tests and simulations, never for privacy."""
    rng = np.random.default_rng(seed)
    return lambda: int(rng.integers(1 << 32))


def sampled(random: Random, q: int) -> bool:
    """True with probability q / 2^32: whether an example takes part in a step."""
    return random() < q


def clip(v: IntArray, norm: int) -> IntArray:
    """Scales int64[n], of values within +-2^30, to an L2 norm of at most `norm` after rounding towards zero.

    Raises:
        McueditError: `norm` is not in 1..CLIP_MAX.
    """
    if not 1 <= norm <= CLIP_MAX:
        raise McueditError(f"clipping norm {norm}", f"an integer from 1 to {CLIP_MAX}")
    sizes = np.abs(v.astype(np.int64))
    shift = max(int(np.bitwise_or.reduce(sizes, initial=0)).bit_length() - 23, 0)
    total = sum(int(np.square(part).sum()) for part in np.array_split(sizes >> shift, len(v) // _SAFE + 1))
    root = isqrt(total)
    length = root + (root * root < total)
    if shift:
        length = (length + 256) << shift
    if length <= norm:
        return v.astype(np.int64)
    shorter: IntArray = np.sign(v).astype(np.int64) * (sizes * norm // length)
    return shorter


def discrete_gaussian(random: Random, sigma: int) -> int:
    """Integer k with probability proportional to exp(-k^2 / (2 sigma^2)).

    Algorithm 3 of Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy", 2020.

    Raises:
        McueditError: `sigma` is not in 1..SIGMA_MAX.
    """
    if not 1 <= sigma <= SIGMA_MAX:
        raise McueditError(f"sigma {sigma}", f"an integer from 1 to {SIGMA_MAX}")
    t, variance = sigma + 1, sigma * sigma
    while True:
        draw = _discrete_laplace(random, t)
        if _decays(random, (abs(draw) * t - variance) ** 2, 2 * variance * t * t):
            return draw


def _uniform(random: Random, n: int) -> int:
    mask = (1 << (n - 1).bit_length()) - 1
    while True:
        draw = random()
        if mask >> 32:
            draw |= random() << 32
        if (draw & mask) < n:
            return draw & mask


def _decays_once(random: Random, numerator: int, denominator: int) -> bool:
    k = 1
    while _uniform(random, denominator * k) < numerator:
        k += 1
    return k % 2 == 1


def _decays(random: Random, numerator: int, denominator: int) -> bool:
    while numerator > denominator:
        if not _decays_once(random, 1, 1):
            return False
        numerator -= denominator
    return _decays_once(random, numerator, denominator)


def _discrete_laplace(random: Random, t: int) -> int:
    while True:
        rest = _uniform(random, t)
        if not _decays_once(random, rest, t):
            continue
        while _decays_once(random, 1, 1):
            rest += t
        negative = _uniform(random, 2) != 0
        if rest or not negative:
            return -rest if negative else rest
