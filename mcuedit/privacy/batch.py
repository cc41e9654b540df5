# SPDX-License-Identifier: Apache-2.0
"""Many draws of the discrete Gaussian at once: as exact as those of `noise`, from other bits.

The same algorithm over arrays (Canonne, Kamath and Steinke, 2020): integers only, every uniform number from as many
bits as it needs and drawn again where it is too large.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray
from mcuedit.privacy.noise import SIGMA_MAX

Bits = Callable[[int], np.ndarray[Any, np.dtype[np.uint64]]]
"""Gives n words of 64 uniform bits."""

_FAR = 128  # what random bits reach with probability below exp(-127), and what keeps products within 63 bits


def system_bits(n: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Words from the operating system."""
    return np.frombuffer(secrets.token_bytes(8 * n), np.uint64)


def seeded_bits(seed: int) -> Bits:
    """Words that can be had again: for tests and simulations, never for privacy."""
    rng = np.random.default_rng(seed)
    return lambda n: rng.integers(0, 1 << 64, n, np.uint64)


def discrete_gaussians(bits: Bits, sigma: int, n: int) -> IntArray:
    """int64[n] of independent draws.

    Raises:
        McueditError: `sigma` is not in 1..SIGMA_MAX.
    """
    if not 1 <= sigma <= SIGMA_MAX:
        raise McueditError(f"sigma {sigma}", f"an integer from 1 to {SIGMA_MAX}")
    t, variance, found = sigma + 1, sigma * sigma, np.zeros(n, np.int64)
    left = np.arange(n)
    while len(left):
        draw = _laplace(bits, t, len(left))
        away = np.square(np.abs(draw) * t - variance)
        taken = _decays(bits, away, np.full(len(left), 2 * variance * t * t, np.int64))
        found[left[taken]] = draw[taken]
        left = left[~taken]
    return found


def _uniform(bits: Bits, n: IntArray) -> IntArray:
    """Below each n, 0 < n < 2^62: int64, as n."""
    mask = (n - 1).astype(np.uint64)
    for shift in (1, 2, 4, 8, 16, 32):
        mask |= mask >> np.uint64(shift)
    found = (bits(len(n)) & mask).astype(np.int64)
    while len(again := np.flatnonzero(found >= n)):
        found[again] = (bits(len(again)) & mask[again]).astype(np.int64)
    return found


def _decays_once(bits: Bits, numerator: IntArray, denominator: IntArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """True with probability exp(-numerator / denominator) each, of fractions of at most 1."""
    odd, alive, k = np.ones(len(numerator), bool), np.arange(len(numerator)), 1
    while len(alive := alive[_uniform(bits, denominator[alive] * k) < numerator[alive]]):
        odd[alive] ^= True
        k += 1
        if k > _FAR:  # after successes of probability 1, 1/2, 1/3, ...
            raise _not_random()
    return odd


def _decays(bits: Bits, numerator: IntArray, denominator: IntArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The same of any fraction."""
    true, rest, one = np.ones(len(numerator), bool), numerator.copy(), np.ones(len(numerator), np.int64)
    while len(large := np.flatnonzero(true & (rest > denominator))):
        true[large] = _decays_once(bits, one[large], one[large])
        rest[large] -= denominator[large]
    true[true] = _decays_once(bits, rest[true], denominator[true])
    return true


def _laplace(bits: Bits, t: int, n: int) -> IntArray:
    """Integers k with probability proportional to exp(-|k| / t): int64[n]."""
    found, left = np.zeros(n, np.int64), np.arange(n)
    while len(left):
        rest = _uniform(bits, np.full(len(left), t, np.int64))
        fine = _decays_once(bits, rest, np.full(len(left), t, np.int64))
        rest, one = rest[fine], np.ones(int(fine.sum()), np.int64)
        more = np.arange(len(rest))
        while len(more := more[_decays_once(bits, one[more], one[more])]):
            rest[more] += t
            if int(rest.max()) >= _FAR * t:
                raise _not_random()
        negative = _uniform(bits, 2 * one) != 0
        good = (rest != 0) | ~negative  # 0 has one sign
        at = left[fine][good]
        found[at] = np.where(negative, -rest, rest)[good]
        left = np.setdiff1d(left, at, assume_unique=True)
    return found


def _not_random() -> McueditError:
    return McueditError("bits that are not random", "check the machine's source of random numbers")
