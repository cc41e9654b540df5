# SPDX-License-Identifier: Apache-2.0
"""Gates of any width, with any numbers of rows: C and numpy agree, the adapter does what the self-check says."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from helpers import tiny, trainer
from helpers.native import Native
from helpers.trainer import MORE, Trainer
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit.adapter.encoding import decode
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse
from mcuedit.ondevice import GateTrainer, gate_statistics

CLASSES = 5


@lru_cache
def net(n: int) -> Native:
    return Native(
        Base("net", parse(tiny.classifier((4, n, CLASSES)), "net")), Path(mkdtemp(prefix="mcuedit-test-")), "train"
    )


@settings(max_examples=30, deadline=None)
@given(
    n=st.sampled_from([9, 42]),
    corrections=st.integers(1, 4),
    replay=st.integers(1, 12),
    clusters=st.integers(1, 6),
    seed=st.integers(0, 1 << 16),
    budget=st.integers(1, 5000),
)
def test_c_is_the_twin(n: int, corrections: int, replay: int, clusters: int, seed: int, budget: int) -> None:
    native = net(n)
    rows, groups = trainer.rows(n, 50, 4, seed)
    statistics = gate_statistics(rows, groups, clusters=clusters)
    x = np.unique(np.random.default_rng(seed).permutation(trainer.rows(n, 12, 4, seed + 1)[0]), axis=0)
    own, kept = x[:corrections], x[corrections : corrections + replay]
    twin = GateTrainer(statistics, own, kept)
    made = Trainer(native, statistics, 1, 1, (4, 12), changed=12)
    assert made.init() == 0
    logits = np.zeros(CLASSES, np.int8)
    for row in kept:
        assert made.confirm(row) == 0
    for row in own:
        assert made.correct(row, logits, 3) == 0
    state = MORE
    while state == MORE:
        state = made.step(budget)
    if twin.diverged:
        assert state == "E_DIVERGED"
        return
    twin.run()
    np.testing.assert_array_equal(made.w, twin.w)
    adapter = made.result()
    if twin.saturated:
        assert adapter == "E_SATURATED"
        return
    assert isinstance(adapter, bytes), adapter
    (delta,) = decode(adapter, native.model).deltas
    np.testing.assert_array_equal(delta.a[0], twin.a())
    assert delta.c[0] == -twin.threshold()[0]
    assert (delta.project(own) >= 3).all()
