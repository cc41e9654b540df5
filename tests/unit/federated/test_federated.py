# SPDX-License-Identifier: Apache-2.0
"""Adapters of many devices: means that are exact, bounds on what one device can do, sums under masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.deltas import adapter, delta
from helpers.tiny import classifier

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder as adapter_dir
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.encoding import encode
from mcuedit.cli.repair.federate import command
from mcuedit.federated import Aggregation, Fleet, Rounds, aggregate, effect, secure, simulate
from mcuedit.federated.simulate import Example
from mcuedit.model.tflite import Model, parse

RANK = 4


@pytest.fixture(scope="module")
def model() -> Model:
    return parse(classifier((24, 16, 12)), "tiny")


def _shared(model: Model, count: int, **options: object) -> list[Adapter]:
    """Adapters with one A and a B of their own."""
    first = delta(model, 1, 1, rank=RANK, seed=1, **options)  # type: ignore[arg-type]
    rng = np.random.default_rng(2)
    draws = [rng.integers(-100, 101, first.b.shape).astype(np.int8) for _ in range(count)]
    return [adapter(model, replace(first, b=b), name=f"d{i}") for i, b in enumerate(draws)]


def test_the_mean_of_a_shared_a_is_exact_in_any_order(model: Model) -> None:
    devices = _shared(model, 7)
    asked = Aggregation(start=devices[0], trim=0)
    made = aggregate(devices, model, asked)
    assert made.how == "shared"
    exact = np.mean([a.deltas[0].b.astype(float) for a in devices], axis=0)
    assert np.abs(made.adapter.deltas[0].b - exact).max() <= 0.5
    for order in (devices[::-1], devices[3:] + devices[:3]):
        again = aggregate(order, model, asked).adapter.deltas[0]
        assert again.b.tobytes() == made.adapter.deltas[0].b.tobytes()


def test_who_stores_other_rows_does_not_count(model: Model) -> None:
    first, second, third = _shared(model, 3)
    moved = replace(second, deltas=(replace(second.deltas[0], rows=np.array([0, 11])),))
    made = aggregate([first, moved, third], model, Aggregation(start=first))
    assert [d.client for d in made.dropped] == ["adapter 1"]
    assert made.dropped[0].reason == "another choice of rows of B than the round's"
    without = aggregate([first, third], model, Aggregation(start=first))
    assert encode(made.adapter, model) == encode(without.adapter, model)


def test_weights(model: Model) -> None:
    one, other = _shared(model, 2)
    made = aggregate([one, other], model, Aggregation(start=one, weights=[3, 1])).adapter.deltas[0].b
    exact = (3 * one.deltas[0].b.astype(float) + other.deltas[0].b) / 4
    assert np.abs(made - exact).max() <= 0.5


def test_no_device_outweighs_the_rest(model: Model) -> None:
    devices = _shared(model, 9)
    wild = replace(devices[0], deltas=(replace(devices[0].deltas[0], b=np.full_like(devices[0].deltas[0].b, 127)),))
    honest = aggregate(devices[1:], model, Aggregation(start=wild)).adapter.deltas[0].b.astype(int)
    trimmed = aggregate([wild, *devices[1:]], model, Aggregation(start=wild)).adapter.deltas[0].b
    values = np.sort([a.deltas[0].b for a in devices[1:]], axis=0)
    assert (trimmed <= values.max(axis=0)).all()
    assert np.abs(trimmed - honest).max() < 60
    clipped = aggregate([wild, *devices[1:]], model, Aggregation(start=wild, clip=12))
    assert clipped.clipped == 9
    assert 0 < effect.norm(clipped.adapter, model) <= 12 + effect.moves(wild.deltas[0], np.ones((1, RANK)), model)


def _effect(d: Delta) -> np.ndarray:
    """BA with its offsets, in output units."""
    gain = d.m * 2.0 ** (d.s - 31)
    b = np.zeros((12, d.rank))
    b[d.rows if d.rows is not None else slice(None)] = d.b * (d.M * 2.0 ** (d.S - 31))
    return np.asarray((b * gain) @ np.concatenate([d.a.astype(float), d.c[:, None] / 128], axis=1))


def test_the_factored_mean_is_the_best_of_its_rank(model: Model) -> None:
    devices = [adapter(model, delta(model, 1, 1, rank=2, gated=False, rows=None, seed=s)) for s in range(3)]
    exact = np.mean([_effect(a.deltas[0]) for a in devices], axis=0)
    energy = np.square(np.linalg.svd(exact, compute_uv=False))
    for rank in (2, 4, 6):
        made = aggregate(devices, model, Aggregation("factored", rank=rank, clip=1e9))
        assert made.energy_dropped == pytest.approx(energy[rank:].sum() / energy.sum(), abs=1e-9)
        lost = np.square(_effect(made.adapter.deltas[0]) - exact).sum() / energy.sum()
        assert lost <= made.energy_dropped + 2e-3  # of rounding to int8


def test_averaging_the_factors_apart_would_be_wrong(model: Model) -> None:
    devices = [adapter(model, delta(model, 1, 1, rank=2, gated=False, rows=None, seed=s)) for s in range(3)]
    exact = np.mean([_effect(a.deltas[0]) for a in devices], axis=0)
    first = devices[0].deltas[0]
    means = {n: np.mean([getattr(a.deltas[0], n) for a in devices], axis=0).astype(np.int64) for n in ("a", "b", "c")}
    apart = replace(first, a=means["a"].astype(np.int8), b=means["b"].astype(np.int8), c=means["c"])
    assert np.square(_effect(apart) - exact).sum() > 0.3 * np.square(exact).sum()


def test_gated_adapters_are_joined_where_that_is_asked_for(model: Model) -> None:
    devices = [adapter(model, delta(model, 1, 1, seed=s)) for s in range(3)]
    made = aggregate(devices, model, Aggregation("joined"))
    assert made.adapter.deltas == tuple(d for a in devices for d in a.deltas)
    with pytest.raises(McueditError, match="began from"):
        aggregate(devices, model)


def test_what_cannot_be_aggregated_is_refused(model: Model) -> None:
    gated, plain = (adapter(model, delta(model, 1, 1, gated=g, seed=g)) for g in (True, False))
    for devices, options, what in (
        ([], {"start": gated}, "no adapter"),
        ([gated], {"how": "factored"}, "gated"),
        ([plain], {"start": gated}, "another A"),
        ([gated], {"how": "auto"}, "no way 'auto'"),
        ([gated], {"start": gated, "weights": [1, 2]}, "2 weights for 1"),
        ([gated], {"start": gated, "weights": [0]}, "weights 0"),
        ([gated, gated], {"start": gated, "weights": [1, 2], "trim": 1}, "trimmed"),
        ([plain], {"how": "joined", "trim": 1}, "trimmed"),
        ([gated], {"start": gated, "clip": float("nan")}, "clip nan"),
        ([replace(gated, labels={3: "a"})], {"start": gated}, "class 3 'a'"),
        ([replace(gated, base_sha256="0" * 64)], {"start": gated}, "another base"),
        ([gated], {"start": replace(gated, base_sha256="0" * 64)}, "another base"),
    ):
        with pytest.raises(McueditError, match=what):
            aggregate(devices, model, Aggregation(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("clients", "dropouts"), [(3, 0), (8, 2), (40, 6)])
def test_masked_sums_equal_plain_ones(clients: int, dropouts: int) -> None:
    rng = np.random.default_rng(clients)
    values = {i: rng.integers(-(1 << 20), 1 << 20, 50) for i in range(clients)}
    for gone in rng.permutation(clients)[:dropouts].tolist():
        del values[gone]
    members = secure.group(clients, 10)
    parties = [secure.Client(i, members) for i in range(clients)]
    assert (secure.total(parties, values, members) == sum(values.values())).all()


def test_what_a_client_sends_tells_nothing() -> None:
    members = secure.group(5)
    parties = [secure.Client(i, members) for i in range(5)]
    publics = {c.number: c.public for c in parties}
    sent = parties[0].masked(np.zeros(20_000, np.int64), publics, 0)
    bits = np.unpackbits(sent.view(np.uint8))
    assert abs(bits.mean() - 0.5) < 0.01
    assert not (sent == parties[0].masked(np.zeros(20_000, np.int64), publics, 1)).any()


def test_a_neighbour_reveals_one_secret_only() -> None:
    members = secure.group(5)
    parties = [secure.Client(i, members) for i in range(5)]
    for member, shares in parties[0].share().items():
        parties[member].hold(0, *shares)
    parties[1].reveal(0, answered=False)
    with pytest.raises(KeyError):
        parties[1].reveal(0, answered=True)


def test_too_many_dropouts_are_an_error() -> None:
    members = secure.group(8, 6)
    parties = [secure.Client(i, members) for i in range(8)]
    with pytest.raises(McueditError, match="needed"):
        secure.total(parties, {0: np.ones(3, np.int64), 1: np.ones(3, np.int64)}, members)


def test_dropouts_hide_nobody(model: Model) -> None:
    """The server sees who is silent: epsilon is that of a client that answers in every round."""
    start = replace(delta(model, 1, 1, rank=RANK, seed=1), b=np.zeros((2, RANK), np.int8))
    owned = [[Example(f"prompt {i}", i % 12)] for i in range(30)]

    def read(prompts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(len(prompts))
        return tuple(rng.integers(-90, 90, (len(prompts), n)).astype(np.int8) for n in (16, 12))  # type: ignore[return-value]

    def epsilon(dropouts: float) -> float | None:
        rounds = Rounds(5, dropouts=dropouts, clip=50, sigma=200, secure=0)
        outcome = simulate(Fleet(model.sha256, owned, read, {}), start, rounds)
        assert outcome.delta == privacy.level(30) <= 30**-1.1
        return outcome.epsilon

    wanted = privacy.epsilon(privacy.Schedule(200, 50, 5, 1.0), privacy.level(30))
    assert [epsilon(d) for d in (0.0, 0.1, 0.5)] == [wanted] * 3


def test_the_verb(model: Model, tmp_path: Path) -> None:
    base = tmp_path / "model.tflite"
    base.write_bytes(model.data)
    folders = [tmp_path / a.name for a in _shared(model, 3)]
    for folder, device in zip(folders, _shared(model, 3), strict=True):
        adapter_dir.save(device, folder)
    start = ["--start", str(folders[0])]
    arguments = [*map(str, folders), "--base", str(base), "-o", str(tmp_path / "fleet"), "--weights", "1,2,3", *start]
    result = CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False)
    assert result.exception is None, result.exception
    assert '"how": "shared"' in result.output
    assert adapter_dir.load(tmp_path / "fleet").deltas[0].rank == RANK
