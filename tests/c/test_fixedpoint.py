# SPDX-License-Identifier: Apache-2.0
"""fixedpoint.h and dot.c against numpy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from helpers.deltas import pack
from helpers.native import Native

from mcuedit.model.fixedpoint import mbqm

EDGES = [-(1 << 31) + 1, -(1 << 30) - 1, -(1 << 30), -3, -2, -1, 0, 1, 2, 3, (1 << 30), (1 << 31) - 1]
MULTIPLIERS = [0, 1 << 30, (1 << 30) + 1, (1 << 31) - 1]


def test_mbqm(net: Native) -> None:
    rng = np.random.default_rng(0)
    xs = [*EDGES, *rng.integers(-(1 << 31) + 1, 1 << 31, 300).tolist()]
    ms = [*MULTIPLIERS, *rng.integers(1 << 30, 1 << 31, 3).tolist()]
    for s in range(-31, 1):
        for m in ms:
            got = [net.lib.shim_mbqm(x, m, s) for x in xs]
            assert got == mbqm(np.array(xs), m, s).tolist(), (m, s)


def test_mbqm_ties_round_away_from_zero(net: Native) -> None:
    half = 1 << 30
    assert [net.lib.shim_mbqm(x, half, -1) for x in (2, -2, 6, -6, 10, -10)] == [1, -1, 2, -2, 3, -3]


@pytest.mark.parametrize("s", [1, 5, 12, 30])
def test_left_shift(net: Native, s: int) -> None:
    rng = np.random.default_rng(s)
    reach = 1 << (31 - s)
    for x in rng.integers(-reach + 1, reach, 100).tolist():
        for m in (1 << 30, (1 << 31) - 1, 1518500250):
            assert net.lib.shim_mbqm_any(x, m, s) == int(mbqm(np.int64(x), m, s))


@pytest.mark.parametrize("bits", [8, 4])
def test_dot(net: Native, bits: int) -> None:
    rng = np.random.default_rng(bits)
    limit = 127 if bits == 8 else 7
    for n in [*range(1, 20), 255, 256, 257, 1031]:
        x = rng.integers(-128, 128, n).astype(np.int8)
        a = rng.integers(-limit, limit + 1, (3, n)).astype(np.int8)
        sums = (ctypes.c_int32 * 3)(5, -6, 7)
        net.lib.shim_row_dots(x.tobytes(), pack(a, bits), n, bits, 3, sums)
        assert list(sums) == (a.astype(int) @ x.astype(int) + [5, -6, 7]).tolist(), n
