# SPDX-License-Identifier: Apache-2.0
"""Training factors in C against their numpy twin, byte by byte, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.trainer import MORE, FactorsInC

from mcuedit.adapter.encoding import decode
from mcuedit.model import bundle as bases
from mcuedit.model.bundle import Base
from mcuedit.model.ops import operator
from mcuedit.model.tflite import Model, parse
from mcuedit.ondevice.factors import FactorOptions, FactorTrainer
from mcuedit.zoo import digits_data

WIDTHS = (12, 24, 17, 10)
OP, ROOM = 1, (3, 8)
DIGITS_OP = 2  # CONV_2D over single pixels, with a MAX_POOL_2D and a FULLY_CONNECTED behind


@pytest.fixture(scope="module")
def base() -> Base:
    return Base("net", parse(tiny.classifier(WIDTHS), "net"))


@pytest.fixture(scope="module", params=["plain", "gated", "stochastic", "floats"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def options(way: str) -> FactorOptions:
    return FactorOptions(rank=4, steps=400, gated=way == "gated", stochastic=way == "stochastic")


@pytest.fixture(scope="module")
def made(base: Base, options: FactorOptions, way: str, tmp_path_factory: pytest.TempPathFactory) -> FactorsInC:
    return FactorsInC(base, OP, options, ROOM, tmp_path_factory.mktemp("factors"), floats=way == "floats")


def answers(model: Model, rows: np.ndarray) -> list[int]:
    """Classes of inputs of op OP."""
    values = rows
    for op in model.ops[OP:-1]:
        values = operator(model, op).forward(values.reshape(len(rows), *model.tensors[op.inputs[0]].shape))
    return values.reshape(len(rows), -1).argmax(axis=1).tolist()


def twin_of(base: Base, options: FactorOptions, seed: int, *, floats: bool = False) -> FactorTrainer:
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (11, WIDTHS[OP]), dtype=np.int8)
    own = answers(base.model, x)
    wanted = [(c + 1 + i) % WIDTHS[-1] for i, c in enumerate(own[:3])]
    return FactorTrainer(base.model, OP, options, x[:3], tuple(wanted), x[3:], tuple(own[3:]), floats=floats)


def give(made: FactorsInC, twin: FactorTrainer) -> None:
    assert made.init() == 0
    for row, answer in zip(twin.replay, twin.answers, strict=True):
        assert made.confirm(row, answer) == 0
    for row, wanted in zip(twin.corrections, twin.wanted, strict=True):
        assert made.correct(row, wanted) == 0


def train_side_by_side(made: FactorsInC, twin: FactorTrainer) -> None:
    """To the end; masters are equal after every step."""
    give(made, twin)
    while twin.step < twin.options.steps and not twin.done:
        twin.train_step()
        while made.steps < twin.step:
            assert made.step(1) in (0, MORE)
        np.testing.assert_array_equal(made.a, twin.a)
        np.testing.assert_array_equal(made.b, twin.b)


@pytest.mark.parametrize("seed", range(6))
def test_factors_after_every_step(base: Base, options: FactorOptions, made: FactorsInC, seed: int) -> None:
    twin = twin_of(base, options, seed, floats=made.floats)
    train_side_by_side(made, twin)
    assert made.step(1) == 0
    assert np.abs(twin.b).max() > 128
    twin.round()
    found = [twin.answer(x) for x in twin.corrections]
    right = all(lead > 0 and c == w for (c, lead), w in zip(found, twin.wanted, strict=True))
    kept = all(twin.answer(x)[0] == c for x, c in zip(twin.replay, twin.answers, strict=True))
    adapter = made.result()
    if not right or not kept:
        assert adapter in ("E_UNLEARNED", "E_REPLAY", "E_SATURATED")
        return
    assert isinstance(adapter, bytes), adapter
    (delta,) = decode(adapter, base.model).deltas
    wanted = twin.delta()
    for name in ("a", "b", "c", "m", "s"):
        np.testing.assert_array_equal(getattr(delta, name), getattr(wanted, name), name)
    assert (delta.M, delta.S, delta.gated) == (wanted.M, wanted.S, options.gated)


def test_it_goes_on_where_it_was(base: Base, options: FactorOptions, made: FactorsInC) -> None:
    twin = twin_of(base, options, 7)
    give(made, twin)
    while made.step(1 << 20) == MORE:
        pass
    straight = made.a, made.b
    give(made, twin)
    while made.step(700) == MORE:
        made.move()
    np.testing.assert_array_equal(made.a, straight[0])
    np.testing.assert_array_equal(made.b, straight[1])


def test_refusals(base: Base, options: FactorOptions, made: FactorsInC) -> None:
    twin = twin_of(base, options, 1)
    assert made.init(size=made.size - 1) == "E_CAPACITY"
    assert made.init() == 0
    x, wanted = twin.corrections, twin.wanted
    assert made.step(1) == "E_STATE"
    assert made.correct(x[0], wanted[0]) == 0
    assert made.step(1) == "E_REPLAY"
    assert made.correct(x[0], wanted[0]) == 0
    assert made.correct(x[0], wanted[0] - 1) == "E_CONTRADICTION"
    assert made.confirm(x[0], wanted[0] - 1) == "E_CONTRADICTION"
    assert made.correct(x[1], WIDTHS[-1]) == "E_CLASS"
    assert made.confirm(x[0] ^ 1, 0) == 0
    assert made.result() == "E_STATE"
    assert made.step(1) == MORE
    assert made.confirm(x[1], 0) == "E_STATE"


def test_a_correction_like_all_that_must_stay(base: Base, options: FactorOptions, made: FactorsInC) -> None:
    x = np.zeros((3, WIDTHS[OP]), np.int8)
    x[1:] += np.array([[2], [-2]], np.int8)
    assert made.init() == 0
    assert made.correct(x[0], 1) == 0
    assert made.confirm(x[1], 0) == 0
    assert made.confirm(x[2], 0) == 0
    assert made.step(1) == "E_DIVERGED"


def test_a_layer_that_cannot_be_passed(tmp_path: Path) -> None:
    """The plan's size is the macro's: see also the twin's own tests."""
    from mcuedit._util.errors import McueditError
    from mcuedit.ondevice.backward import backward_layers

    model = parse(tiny.classifier((8, 6, 4)), "net")
    assert [link.kind for link in backward_layers(model, 0)] == ["FULLY_CONNECTED"]
    with pytest.raises(McueditError, match="no factors are trained there"):
        backward_layers(model, len(model.ops) - 1)


@pytest.mark.parametrize("how", ["plain", "gated", "stochastic", "floats"])
def test_a_convolution_with_a_pool_behind(tmp_path: Path, how: str) -> None:
    base = dataclasses.replace(bases.load(digits_data.DATA), name="net")
    data, model = digits_data.load(), base.model
    options = FactorOptions(rank=4, steps=300, gated=how == "gated", stochastic=how == "stochastic")
    x = data["x_train"][:11].reshape(11, *model.input.shape)
    for op in model.ops[:DIGITS_OP]:
        x = operator(model, op).forward(x)
    x, own = x.reshape(11, -1), data["y_train"][:11].tolist()
    wanted = [(c + 1) % 10 for c in own[:3]]
    floats = how == "floats"
    twin = FactorTrainer(model, DIGITS_OP, options, x[:3], tuple(wanted), x[3:], tuple(own[3:]), floats=floats)
    made = FactorsInC(base, DIGITS_OP, options, ROOM, tmp_path, floats=floats)
    train_side_by_side(made, twin)
    assert np.abs(twin.b).max() > 128
    adapter = made.result()
    twin.round()
    if options.gated:  # one place for all pixels and no time: the device says so
        assert adapter == "E_UNLEARNED"
        return
    assert isinstance(adapter, bytes), adapter
    (delta,) = decode(adapter, model).deltas
    np.testing.assert_array_equal(delta.a, twin.delta().a)
    np.testing.assert_array_equal(delta.b, twin.delta().b)
    assert [twin.answer(row)[0] for row in twin.corrections] == wanted
