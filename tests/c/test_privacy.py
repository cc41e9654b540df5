# SPDX-License-Identifier: Apache-2.0
"""privacy.c against its numpy twin, draw by draw, and against the distributions that both are to follow."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable
from math import exp
from pathlib import Path

import numpy as np
import pytest
from helpers.native import WARNINGS, includes, source

from mcuedit import privacy
from mcuedit.build import compilers

DRAW = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)


class _Random(ctypes.Structure):
    _fields_ = (("context", ctypes.c_void_p), ("draw", DRAW))


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("privacy")
    file = str(source("privacy"))
    flags = [*WARNINGS, "-O1", "-shared", "-fPIC", *includes(), file, "-o", "privacy.so"]
    compilers.find_host_compiler().run(flags, folder)
    found = ctypes.CDLL(str(Path(folder) / "privacy.so"))
    found.mcuedit_sampled.restype = ctypes.c_bool
    return found


def _bits(draw: Callable[[], int]) -> _Random:
    return _Random(None, DRAW(lambda context: draw()))


@pytest.mark.parametrize("sigma", [1, 2, 7, 300, 4096])
def test_draws_equal_the_twins(lib: ctypes.CDLL, sigma: int) -> None:
    bits, random = _bits(privacy.seeded(sigma)), privacy.seeded(sigma)
    got = [lib.mcuedit_discrete_gaussian(ctypes.byref(bits), sigma) for _ in range(300)]
    assert got == [privacy.discrete_gaussian(random, sigma) for _ in range(300)]
    assert len(set(got)) > 2


@pytest.mark.parametrize("sigma", [1, 3])
def test_draws_follow_the_distribution(lib: ctypes.CDLL, sigma: int) -> None:
    n, bits = 40_000, _bits(privacy.seeded(11))
    found = Counter(lib.mcuedit_discrete_gaussian(ctypes.byref(bits), sigma) for _ in range(n))
    weights = {k: exp(-k * k / (2 * sigma * sigma)) for k in range(-12 * sigma, 12 * sigma + 1)}
    total = sum(weights.values())
    common = {k: n * w / total for k, w in weights.items() if n * w / total >= 20}
    chi2 = sum((found[k] - wanted) ** 2 / wanted for k, wanted in common.items())
    assert chi2 < len(common) + 5 * (2 * len(common)) ** 0.5  # five standard deviations


@pytest.mark.parametrize("q", [0, 1 << 31, (1 << 32) - 1])
def test_sampling(lib: ctypes.CDLL, q: int) -> None:
    bits, random = _bits(privacy.seeded(5)), privacy.seeded(5)
    got = [lib.mcuedit_sampled(ctypes.byref(bits), ctypes.c_uint32(q)) for _ in range(2000)]
    assert got == [privacy.sampled(random, q) for _ in range(2000)]
    assert abs(sum(got) / 2000 - q / (1 << 32)) < 0.06


@pytest.mark.parametrize("size", [1, 30, 3000, (1 << 30)])
def test_clipped_norms(lib: ctypes.CDLL, size: int) -> None:
    rng = np.random.default_rng(size)
    for n in (1, 2, 128, 5000):
        for norm in (1, 100, 32767):
            v = rng.integers(-size, size + 1, n)
            v[rng.integers(n)] = rng.choice([-size, size])
            wanted = privacy.clip(v, norm)
            got = v.astype(np.int32)
            lib.mcuedit_clip(got.ctypes.data_as(ctypes.c_void_p), n, norm)
            assert (got == wanted).all()
            exact = sum(int(x) ** 2 for x in wanted)
            assert exact <= norm * norm
            if sum(int(x) ** 2 for x in v) <= norm * norm and size < 1 << 23:
                assert (wanted == v).all()
