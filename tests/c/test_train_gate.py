# SPDX-License-Identifier: Apache-2.0
"""Training a gate in C against its numpy twin, byte by byte, and what it refuses."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny, trainer
from helpers.native import Native
from helpers.trainer import MORE, Trainer

from mcuedit.adapter.encoding import decode
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse
from mcuedit.ondevice import GateTrainer

CLASSES = 10


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Native]:
    """By the width of their second op's input."""
    return {n: _net(n, tmp_path_factory.mktemp(f"net{n}")) for n in (24, 37)}


def _net(n: int, folder: Path) -> Native:
    return Native(Base("net", parse(tiny.classifier((12, n, CLASSES)), "net")), folder, "train")


def prepared(native: Native, n: int, seed: int, replay: int = 8, **more: int) -> tuple[Trainer, GateTrainer]:
    """The same training in C and in numpy, ready to start."""
    statistics = trainer.statistics(n, seed)
    x, _ = trainer.rows(n, 12, 2, seed + 1000)
    corrections, confirmed = x[:2], x[2::2][:replay]
    made = Trainer(native, statistics, 1, 1, (2, 8), **more)
    assert made.init() == 0
    logits = np.zeros(CLASSES, np.int8)
    logits[4] = 9
    for row in confirmed:
        assert made.confirm(row) == 0
    for row in corrections:
        assert made.correct(row, logits, 7) == 0
    return made, GateTrainer(statistics, corrections, confirmed)


@pytest.mark.parametrize("n", [24, 37])
@pytest.mark.parametrize("seed", range(12))
def test_factors_after_every_step(nets: dict[int, Native], n: int, seed: int) -> None:
    made, twin = prepared(nets[n], n, seed)
    while made.step(1) == MORE and made.steps == 0:
        pass
    for _ in range(twin.statistics.steps):
        if twin.done:
            break
        twin.train_step()
        while made.steps < twin.step and made.step(1) == MORE:
            pass
        np.testing.assert_array_equal(made.w, twin.w)
    while made.step(10_000) == MORE:
        pass
    adapter = made.result()
    assert isinstance(adapter, bytes), adapter
    (delta,) = decode(adapter, nets[n].model).deltas
    np.testing.assert_array_equal(delta.a[0], twin.a())
    assert delta.c[0] == -twin.threshold()[0]
    assert delta.rows is not None
    assert delta.rows.tolist() == [4, 7]
    assert delta.b[:, 0].tolist() == [-127, 127]


def test_it_goes_on_where_it_was(nets: dict[int, Native]) -> None:
    straight, _ = prepared(nets[24], 24, 1)
    halted, _ = prepared(nets[24], 24, 1)
    while straight.step(1 << 20) == MORE:
        pass
    while True:
        kept = bytes(halted.workspace)
        ctypes.memset(halted.workspace, 0xA5, halted.size)
        ctypes.memmove(halted.workspace, kept, halted.size)
        if halted.step(977) != MORE:
            break
    assert halted.result(b"name") == straight.result(b"name")


def test_sizes(nets: dict[int, Native]) -> None:
    made, _ = prepared(nets[37], 37, 1)
    assert made.init(size=made.size - 1) == "E_CAPACITY"
    assert made.init() == 0
    assert int(np.frombuffer(made.workspace, np.uint32, 1)[0]) == made.size


def test_refusals(nets: dict[int, Native]) -> None:
    made, twin = prepared(nets[24], 24, 2, replay=3, least=4)
    x, logits = twin.corrections, np.zeros(CLASSES, np.int8)
    assert made.step(1) == "E_REPLAY"
    assert made.confirm(x[0]) == "E_CONTRADICTION"
    assert made.correct(twin.replay[0], logits, 7) == "E_CONTRADICTION"
    assert made.correct(x[0] ^ 1, logits, 6) == "E_CONTRADICTION"
    assert made.correct(x[0] ^ 1, logits, CLASSES) == "E_CLASS"
    assert made.correct(x[0] ^ 1, logits, 7) == "E_FULL"
    assert made.correct(x[0], logits, 7) == 0
    assert made.result() == "E_STATE"
    assert made.confirm(twin.replay[0] ^ 1) == 0
    assert made.step(1) == MORE
    assert made.confirm(x[0] ^ 2) == "E_STATE"


def test_a_confirmed_input_like_the_edit_is_not_given_up(nets: dict[int, Native]) -> None:
    made, twin = prepared(nets[24], 24, 3, replay=0)
    near = twin.corrections.astype(np.int64).sum(axis=0) // 2
    assert made.confirm(near.astype(np.int8)) == 0
    while made.step(1 << 20) == MORE:
        pass
    assert made.result() == "E_REPLAY"


def test_nothing_is_left(nets: dict[int, Native]) -> None:
    made, _ = prepared(nets[24], 24, 3)
    nets[24].lib.mcuedit_train_forget(made.workspace, made.size)
    assert not any(made.workspace)
