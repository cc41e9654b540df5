# SPDX-License-Identifier: Apache-2.0
"""Projection, addition and the active set in C, byte for byte against the numpy arithmetic."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.native import Native, reference

from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import encode
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model, parse


@pytest.fixture(autouse=True)
def _empty_stack(net: Native) -> Iterator[None]:
    yield
    net.activate([])


def inputs(model: Model, n: int = 200, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (n, model.input.size)).astype(np.int8)


def check(net: Native, adapters: list[Adapter], n: int = 200) -> np.ndarray:
    x = inputs(net.model, n)
    net.load(adapters)
    got, _ = net.infer(x)
    want = reference(net.model, adapters, x)[net.model.outputs[0]].reshape(n, -1)
    np.testing.assert_array_equal(got, want)
    return got


def test_no_adapter(net: Native) -> None:
    plain = check(net, [])
    np.testing.assert_array_equal(net.infer(inputs(net.model), active=False)[0], plain)


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("rows", [1, 2, 7, None])
@pytest.mark.parametrize(("tap", "target"), [(0, 2), (1, 2), (0, 0), (1, 1), (2, 2)])
def test_one_delta(net: Native, tap: int, target: int, rows: int | None, bits: int, gated: bool) -> None:
    base = check(net, [])
    for rank in (1, 3):
        it = delta(net.model, tap, target, rank=rank, bits=bits, gated=gated, rows=rows, seed=rank)
        changed = (check(net, [adapter(net.model, it)]) != base).any(axis=1)
        assert changed.any()
        check(net, [adapter(net.model, replace(it, conditional=True))])


@pytest.mark.parametrize(("tap", "target"), [(0, 2), (1, 1), (2, 2)])
def test_a_conditional_delta_acts_on_some_of_the_inputs_that_open_it(net: Native, tap: int, target: int) -> None:
    base = check(net, [])
    it = delta(net.model, tap, target, rank=2, gated=False, rows=None, seed=3)
    always = (check(net, [adapter(net.model, it)]) != base).any(axis=1)
    sometimes = (check(net, [adapter(net.model, replace(it, conditional=True))]) != base).any(axis=1)
    assert not (sometimes & ~always).any()
    assert 0 < sometimes.sum() < always.sum()


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize(("tap", "target"), [(0, 2), (1, 1), (2, 2)])
def test_rows_of_a_with_windows(net: Native, tap: int, target: int, width: int, bits: int, gated: bool) -> None:
    base = check(net, [])
    for rank in (1, 3):
        it = delta(net.model, tap, target, rank=rank, bits=bits, gated=gated, rows=2, seed=rank, width=width)
        assert it.first is not None
        assert it.first.any()
        changed = (check(net, [adapter(net.model, it)]) != base).any(axis=1)
        assert changed.any()


@pytest.mark.parametrize("seed", range(12))
def test_stacks(net: Native, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    adapters = []
    for i in range(int(rng.integers(1, 8))):
        made = [
            delta(
                net.model,
                *pairs[int(rng.integers(len(pairs)))],
                rank=int(rng.integers(1, 5)),
                bits=int(rng.choice([4, 8])),
                gated=bool(rng.integers(2)),
                rows=None if rng.integers(3) == 0 else int(rng.integers(1, 8)),
                width=[None, None, 4, 8][int(rng.integers(4))],
                conditional=bool(rng.integers(2)),
                seed=1000 * seed + 10 * i + k,
            )
            for k in range(int(rng.integers(1, 5)))
        ]
        made.sort(key=lambda d: (d.target, d.tap))
        adapters.append(adapter(net.model, *made, name=f"a{i}"))
    forwards = check(net, adapters)
    np.testing.assert_array_equal(check(net, adapters[::-1]), forwards)


def test_closed_gates_leave_every_byte(net: Native) -> None:
    it = delta(net.model, 1, 2)
    closed = adapter(net.model, type(it)(**{**vars(it), "c": np.full(1, -(1 << 30), np.int64)}))
    np.testing.assert_array_equal(check(net, [closed]), check(net, []))


def test_many_rows_and_open_deltas_share_blocks(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = parse(tiny.classifier((16, 8, 300)), "wide")
    wide = Native(Base("wide", model), tmp_path_factory.mktemp("wide"))
    made = [delta(model, 0, 1, rows=int(r), gated=False, seed=i) for i, r in enumerate((1, 2, 5, 40, 300))]
    check(wide, [adapter(model, *made), adapter(model, delta(model, 1, 1, rows=None, gated=False))], 50)


def test_rows_of_a_matrix_are_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = parse(matrix_model(), "matrix")
    matrix = Native(Base("matrix", model), tmp_path_factory.mktemp("matrix"))
    for gated in (True, False):
        made = [delta(model, 0, 0, gated=gated, rank=2, seed=5), delta(model, 0, 0, gated=True, rows=None, seed=6)]
        check(matrix, [adapter(model, *made)])


def matrix_model() -> bytes:
    """FULLY_CONNECTED over a [1, 4, 6] input: four rows."""
    net = NetBuilder()
    rng = np.random.default_rng(3)
    x = net.tensor("input", [1, 4, 6], 1 / 16, -7)
    w = net.constant("w", rng.integers(-127, 128, (5, 6)).astype(np.int8), np.full(1, 0.01))
    b = net.constant("b", rng.integers(-500, 500, 5).astype(np.int32), np.full(1, 0.01 / 16))
    y = net.tensor("y", [1, 4, 5], 0.05, 9)
    net.op("FULLY_CONNECTED", [x, w, b], y, fusedActivationFunction=3, keepNumDims=True)  # RELU6
    return net.pack(x, y)


def test_set_takes_effect_at_the_next_inference(net: Native) -> None:
    x = inputs(net.model, 20)
    base, _ = net.infer(x)
    plain = adapter(net.model, delta(net.model, 1, 1, gated=False, rows=None))
    error, view = net.open(encode(plain, net.model))
    assert error == "OK"
    net.lib.mcuedit_context_latch(net.context)
    assert net.activate([view]) == "OK"
    with_it = net.infer(x)[0]
    assert (with_it != base).any()
    assert net.activate([]) == "OK"
    np.testing.assert_array_equal(net.infer(x)[0], base)


def test_set_refuses_and_leaves_the_stack(net: Native, tmp_path_factory: pytest.TempPathFactory) -> None:
    x = inputs(net.model, 20)
    one = adapter(net.model, delta(net.model, 1, 2), labels={3: "owl", 5: "pig"})
    other = adapter(net.model, delta(net.model, 0, 2), labels={5: "cow"})
    same = adapter(net.model, delta(net.model, 0, 2), labels={5: "pig", 6: "rat"})
    views = [net.open(encode(a, net.model))[1] for a in (one, other, same)]
    assert net.activate(views[:1]) == "OK"
    before = net.infer(x)[0]
    assert net.activate(views[:2]) == "E_LABEL"
    assert [net.label(i) for i in (3, 5, 6)] == ["owl", "pig", None]
    np.testing.assert_array_equal(net.infer(x)[0], before)
    assert net.activate([views[0], views[2]]) == "OK"
    assert [net.label(i) for i in (3, 5, 6)] == ["owl", "pig", "rat"]

    foreign = Native(Base("net", net.model), tmp_path_factory.mktemp("foreign"))
    assert net.activate([foreign.open(encode(one, net.model))[1]]) == "E_BASE"

    small = ctypes.create_string_buffer(2)
    net.lib.mcuedit_context_init(net.context, net.base, small, 2)
    assert net.activate([views[0], views[2], views[0]]) == "E_RANK"
    assert net.activate([views[0], views[2]]) == "OK"
    net.lib.mcuedit_context_init(net.context, net.base, net.h, len(net.h))


def test_base_labels_and_identity(net: Native) -> None:
    label = net.lib.net_label
    label.restype = ctypes.c_char_p
    assert tuple(label(i).decode() for i in range(7)) == ("ant", 'b"ee', "c\\at", "dé", "e?", "fly", "gnu")
    assert net.name(net.lib.mcuedit_base_check(net.base)) == "OK"


def test_error_names(net: Native) -> None:
    assert net.name(-3) == "E_CRC"
    assert net.lib.mcuedit_error_text(-3).decode() == "CRC mismatch: corrupted"
    assert net.name(7) == "unknown"
    assert net.lib.mcuedit_error_text(-99).decode() == "unknown"
