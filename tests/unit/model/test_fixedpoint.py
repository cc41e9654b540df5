# SPDX-License-Identifier: Apache-2.0
"""Fixed-point multiplication against Python integers, written from SPEC.md section 1."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from mcuedit.model.fixedpoint import dot, mbqm, quantize_multiplier

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def reference(x: int, m: int, s: int) -> int:
    """SPEC.md section 1, line by line, on one value."""
    product = (x << max(s, 0)) * m
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    high = abs(nudged) // (1 << 31) * (1 if nudged >= 0 else -1)  # towards zero
    right = max(-s, 0)
    mask = (1 << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


EDGES = [INT32_MIN, INT32_MIN + 1, -(1 << 30), -65537, -3, -2, -1, 0, 1, 2, 3, 65537, 1 << 30, INT32_MAX - 1, INT32_MAX]


@pytest.mark.parametrize("m", [0, 1 << 30, (1 << 30) + 1, 1518500250, INT32_MAX - 1, INT32_MAX])
@pytest.mark.parametrize("s", [0, -1, -2, -7, -30, -31])
def test_every_edge(m, s):
    assert mbqm(np.array(EDGES), m, s).tolist() == [reference(x, m, s) for x in EDGES]


def test_random_values():
    rng = np.random.default_rng(0)
    x = rng.integers(INT32_MIN, INT32_MAX, 3000, endpoint=True)
    m = rng.integers(1 << 30, 1 << 31, 3000)
    s = rng.integers(-31, 1, 3000)
    expected = [reference(*map(int, row)) for row in zip(x, m, s, strict=True)]
    assert mbqm(x, m, s).tolist() == expected


def test_left_shifts_of_base_ops():
    x = np.arange(-300, 300)
    assert mbqm(x, 1288490189, 3).tolist() == [reference(int(v), 1288490189, 3) for v in x]


def test_ties_round_away_from_zero():
    # m = 2**30 halves, s = -1 halves again: 2 / 4 is a tie after the second rounding.
    assert mbqm(np.array([2, -2, 6, -6]), 1 << 30, -1).tolist() == [1, -1, 2, -2]


def test_it_rounds_twice():
    # 1 / 4 is below a half, but the first rounding makes a 1 of 1 / 2, and the second a 1 of that half again.
    assert mbqm(np.array([1]), 1 << 30, -1).tolist() == [1]


def test_factors_broadcast_along_the_last_axis():
    x = np.array([[100, 100], [-100, 7]])
    m, s = np.array([1 << 30, 1 << 30]), np.array([0, -1])
    assert mbqm(x, m, s).tolist() == [[50, 25], [-50, 2]]


@pytest.mark.parametrize("real", [1e-9, 0.0001, 0.25, 0.3, 0.5, 0.999, 1.0, 1.5, 7.3])
def test_quantized_multiplier_is_near(real):
    m, s = quantize_multiplier(real)
    assert 1 << 30 <= m < 1 << 31
    assert abs(Fraction(m) * Fraction(2) ** (s - 31) / Fraction(real) - 1) <= Fraction(1, 1 << 31)


def test_quantized_multiplier_at_the_ends():
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-33) == (0, 0)
    assert quantize_multiplier(2.0**40) == (INT32_MAX, 30)
    just_below_one = math.nextafter(1.0, 0.0)
    assert quantize_multiplier(just_below_one) == (1 << 30, 1)  # the fraction rounds up to a whole


@pytest.mark.parametrize("n", [1, 100, 1024, 1025, 3000])
def test_dot_is_exact(n):
    x, a = np.full((2, n), -128, np.int8), np.full((3, n), 127, np.int8)
    a[1] = -128
    x[1, ::2] = 127
    assert dot(x, a).tolist() == (x.astype(np.int64) @ a.T.astype(np.int64)).tolist()


def test_dot_keeps_leading_axes():
    assert dot(np.zeros((2, 5, 4), np.int8), np.zeros((3, 4), np.int8)).shape == (2, 5, 3)
