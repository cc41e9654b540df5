# SPDX-License-Identifier: Apache-2.0
"""What holds of the fixed-point arithmetic and the text features for every value."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mcuedit.model.fixedpoint import mbqm, quantize_multiplier
from mcuedit.model.text import text_features

int32 = st.integers(-(1 << 31), (1 << 31) - 1)
multiplier = st.integers(1 << 30, (1 << 31) - 1)
shift = st.integers(-31, 0)


@given(int32, multiplier, shift)
def test_mbqm_is_within_one_rounding_of_the_real_product(x, m, s):
    real = Fraction(x) * m * Fraction(2) ** (s - 31)
    found = int(mbqm(np.array([x]), m, s)[0])
    assert abs(found - real) <= Fraction(1, 2) + Fraction(1, 2) * Fraction(2) ** s
    assert -(1 << 31) <= found < 1 << 31


@given(st.lists(int32, min_size=2, max_size=20), multiplier, shift)
def test_mbqm_is_monotonic(xs, m, s):
    """A gate that is shut for an activation is shut for every smaller one: the trainer relies on it."""
    assert (np.diff(mbqm(np.sort(np.array(xs)), m, s)) >= 0).all()


@given(st.floats(2.0**-31, 1 - 2.0**-32))
def test_factors_below_one_never_shift_left(real):
    m, s = quantize_multiplier(real)
    assert 1 << 30 <= m < 1 << 31
    assert -31 <= s <= (1 if real > 1 - 2.0**-31 else 0)


@given(st.binary(max_size=200), st.sampled_from([1, 16, 512]))
def test_features_of_any_bytes(data, n):
    values = text_features(data, n)
    assert (values.shape, values.dtype) == ((n,), np.int8)
    assert values.min() >= -127
    assert np.array_equal(values, text_features(data.swapcase() if data.isascii() else data, n))
    assert np.array_equal(values, text_features(b"?!" + data + b" ", n))


@given(st.lists(st.sampled_from("which city governs burundi now".split()), max_size=6), st.randoms())
def test_features_are_a_bag_of_words(words, rng):
    shuffled = list(words)
    rng.shuffle(shuffled)
    assert np.array_equal(text_features(" ".join(words)), text_features(", ".join(shuffled)))
