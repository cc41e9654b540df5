# SPDX-License-Identifier: Apache-2.0
"""What `trim` clients can change when honest ones quarrel, against attackers that know all of them; norms in units."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.deltas import adapter, delta
from helpers.federation import Asked, within_reach
from helpers.tiny import classifier

from mcuedit.adapter import folder
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.federated import HOW, Aggregation, Submission, aggregate, effect
from mcuedit.model.tflite import Model, parse

RANK = 6


@pytest.fixture(scope="module")
def model() -> Model:
    return parse(classifier((24, 16, 12)), "tiny")


@pytest.fixture(scope="module")
def start(model: Model) -> Adapter:
    return adapter(model, delta(model, 1, 1, rank=RANK, rows=5, seed=3))


def _with(start: Adapter, b: np.ndarray) -> Adapter:
    return replace(start, deltas=(replace(start.deltas[0], b=np.clip(b, -127, 127).astype(np.int8)),))


@pytest.fixture(scope="module")
def asked(start: Adapter) -> Asked:
    rng = np.random.default_rng(5)
    x = rng.integers(-128, 128, (3000, 16)).astype(np.int8)
    return Asked(start.deltas[0].project(x), rng.integers(-20, 20, (3000, 12)).astype(np.int8))


@pytest.mark.parametrize(("honest", "trim"), [(9, 1), (2, 1), (17, 3), (30, 4)])
def test_only_answers_within_reach_change(model: Model, start: Adapter, asked: Asked, honest: int, trim: int) -> None:
    rng = np.random.default_rng(honest)
    middle = rng.normal(0, 40, (5, RANK))
    fair = [_with(start, (middle + rng.normal(0, 12, middle.shape)).round()) for _ in range(honest)]
    way, b = Aggregation(start=start, trim=trim, clip=1e9), np.array([a.deltas[0].b for a in fair])
    reach = within_reach(asked, [a.deltas[0] for a in fair], trim)
    alone = asked.answers(aggregate(fair, model, replace(way, trim=min(trim, (honest - 1) // 2))).adapter.deltas[0])
    changed = np.zeros(len(alone), bool)
    for number in range(60):
        signs = rng.choice([-1, 1], middle.shape) if number % 2 else np.outer(rng.choice([-1, 1], 5), np.ones(RANK))
        ends = [np.where(signs > 0, b.max(axis=0), b.min(axis=0)), signs * 127, rng.normal(0, 60, middle.shape)]
        wild = [_with(start, ends[(number + i) % 3].round()) for i in range(trim)]
        made = aggregate([*fair, *wild], model, way)
        assert made.trim == trim
        changed |= asked.answers(made.adapter.deltas[0]) != alone
    assert not (changed & ~reach).any()
    assert changed.any()
    assert reach.mean() < 0.7


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_no_input_moves_an_output_beyond_the_norm(model: Model, seed: int, gated: bool) -> None:
    made = adapter(model, delta(model, 1, 1, rank=RANK, gated=gated, rows=5, seed=seed))
    one = made.deltas[0]
    scale = float(model.tensors[model.ops[1].outputs[0]].scale[0])
    x = np.random.default_rng(seed).integers(-128, 128, (4000, 16)).astype(np.int8)
    x[: 2 * RANK] = np.where(np.concatenate([one.a, -one.a]) > 0, 127, -128)  # each gate as wide as it opens
    moved = np.abs(one.amount(one.project(x))).max()
    assert moved * scale <= effect.norm(made, model) + scale
    assert (one.project(x)[: 2 * RANK].reshape(2, RANK, RANK).max(axis=0).diagonal() <= effect.widest(one)).all()


def test_a_norm_counts_what_is_behind_b(model: Model) -> None:
    made = adapter(model, delta(model, 1, 1, rank=RANK, rows=5, seed=1))
    one = made.deltas[0]
    twice = replace(made, deltas=(replace(one, S=one.S + 1),))
    assert effect.norm(twice, model) == pytest.approx(2 * effect.norm(made, model))
    assert effect.norm(replace(made, deltas=(one, one)), model) == pytest.approx(2 * effect.norm(made, model))
    shut = replace(one, c=np.full(RANK, -(1 << 24)))
    assert effect.norm(replace(made, deltas=(shut,)), model) == 0
    flat = replace(one, a=np.zeros_like(one.a), c=np.full(RANK, 1 << 24))  # opens everywhere, BA = 0
    assert effect.norm(replace(made, deltas=(flat,)), model) > 0


@pytest.mark.parametrize("how", ["factored", "joined"])
def test_a_huge_multiplier_weighs_as_much_as_its_norm(model: Model, how: str) -> None:
    gated = how == "joined"
    fair = [adapter(model, delta(model, 1, 1, rank=2, gated=gated, rows=None, seed=s)) for s in range(5)]
    fair = [replace(a, deltas=(replace(a.deltas[0], S=-6),)) for a in fair]
    wild = replace(fair[0], deltas=(replace(fair[0].deltas[0], M=(1 << 31) - 1, S=0),))
    made = aggregate([*fair, wild], model, Aggregation(how))
    assert made.clipped >= 1
    assert made.clip <= 2 * max(effect.norm(a, model, linear=not gated) for a in fair)
    if gated:
        alone = replace(made.adapter, deltas=made.adapter.deltas[-1:])
        assert effect.norm(alone, model) <= made.clip
    else:
        without = aggregate(fair, model, Aggregation(how, clip=made.clip))
        far = [effect.norm(a, model) for a in (made.adapter, without.adapter)]
        assert far[0] <= far[1] + 2 * made.clip / 6


def _product(d: Delta, x: np.ndarray) -> np.ndarray:
    """What BA adds, in steps of the output, without clamps: float64[n, n_out]."""
    gain, M = d.m * 2.0 ** (d.s - 31), d.M * 2.0 ** (d.S - 31)
    return np.asarray((d.pre_gate(x) * gain) @ (d.b.T * M))


@pytest.mark.parametrize("trick", ["it saturates", "it is far from its clamp", "it has no gain", "rank", "multiplier"])
def test_one_of_ten_moves_a_factored_mean_by_two_clips_in_ten(model: Model, trick: str) -> None:
    """A product is no clamped function: the clip has to know, or one client sets the scale of h for all."""
    fair = [delta(model, 1, 1, rank=2, gated=False, rows=None, seed=s) for s in range(9)]
    fair = [replace(d, S=-6, M=1 << 30) for d in fair]
    one = replace(fair[0], b=np.full_like(fair[0].b, 127))
    flat, wide = np.full(2, 1 << 30), delta(model, 1, 1, rank=255, gated=False, rows=None, seed=99)
    wild = {
        "it saturates": replace(one, m=2 * flat - 1, s=np.zeros(2, np.int64)),
        "it is far from its clamp": replace(one, m=flat, s=np.full(2, -31)),
        "it has no gain": replace(one, m=0 * flat),
        "rank": wide,
        "multiplier": replace(one, M=(1 << 31) - 1, S=0),
    }[trick]
    made = aggregate(
        [*(adapter(model, d) for d in fair), adapter(model, wild)], model, Aggregation("factored", rank=18)
    )
    x = np.random.default_rng(0).integers(-128, 128, (500, 16)).astype(np.int8)
    scale = float(model.tensors[model.ops[1].outputs[0]].scale[0])
    honest = np.mean([_product(d, x) for d in fair], axis=0)
    away = np.abs(_product(made.adapter.deltas[0], x) - honest).max()
    assert made.adapters == 10
    assert away * scale <= 2 * made.clip / 10 + 4 * scale  # of rounding factors to int8
    seen = np.abs(made.adapter.deltas[0].project(x)).max(axis=0)
    assert np.median(seen) > 20  # of 127: resolution is left


def test_a_factored_mean_is_not_as_wide_as_the_widest(model: Model) -> None:
    ranks = [2, 2, 3, 255]
    each = [adapter(model, delta(model, 1, 1, rank=r, gated=False, rows=None, seed=i)) for i, r in enumerate(ranks)]
    assert aggregate(each, model, Aggregation("factored")).adapter.deltas[0].rank == 2


def test_without_a_round_no_label_comes_in(model: Model) -> None:
    fair = [adapter(model, delta(model, 1, 1, seed=s)) for s in range(3)]
    named = replace(fair[1], labels={7: "mine"})
    made = aggregate([fair[0], named, fair[2]], model, Aggregation("joined"))
    assert made.adapter.labels == {}
    assert [d.reason for d in made.dropped] == ["it names class 7 'mine', the round does not"]
    agreed = aggregate([fair[0], named], model, Aggregation("joined", start=replace(fair[0], labels={7: "mine"})))
    assert (agreed.adapter.labels, agreed.dropped) == ({7: "mine"}, ())


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes flipped, cut, or repeated."""
    kind, at = rng.integers(3), int(rng.integers(max(1, len(data))))
    if kind == 0:
        changed = bytearray(data)
        for place in rng.integers(0, len(data), 1 + int(rng.integers(8))):
            changed[place] = int(rng.integers(256))
        return bytes(changed)
    return data[:at] if kind == 1 else data[:at] + data[: int(rng.integers(400))] + data[at:]


_WORDS = ["NaN", "1e999", "-1", "99999999999999999999", '"x"', "null", "[]", "{}", "true", "[" * 3000]


@pytest.mark.parametrize("how", HOW)
def test_no_file_of_one_client_ends_a_round(model: Model, start: Adapter, tmp_path: Path, how: str) -> None:
    gated = how != "factored"
    fair = [adapter(model, delta(model, 1, 1, rank=2, gated=gated, rows=None, seed=s)) for s in range(3)]
    if how == "shared":
        fair = [_with(start, start.deltas[0].b // (i + 2)) for i in range(3)]
    folder.save(fair[0], tmp_path / "good")
    files = {f: (tmp_path / "good" / f).read_bytes() for f in (folder.CONFIG, folder.TENSORS)}
    numbers = re.findall(rb"(?<=: )-?\d+|(?<=: )true|(?<=: )false|(?<=: )\[", files[folder.CONFIG])
    rng, counted = np.random.default_rng(11), 0
    (tmp_path / "bad").mkdir()
    for number in range(150):
        name = [folder.CONFIG, folder.TENSORS][number % 2]
        data = _mutated(files[name], rng)
        if name == folder.CONFIG and number % 3:
            word, new = numbers[int(rng.integers(len(numbers)))], _WORDS[int(rng.integers(len(_WORDS)))]
            data = files[name].replace(b": " + word, b": " + new.encode(), 1)
        for file, kept in files.items():
            (tmp_path / "bad" / file).write_bytes(data if file == name else kept)
        bad = Submission.read("mallory", lambda: folder.load(tmp_path / "bad"))
        given = [*(Submission(f"press-{i}", a) for i, a in enumerate(fair)), bad]
        made = aggregate(given, model, Aggregation(how, start=start, clients=frozenset(g.client for g in given)))
        counted += made.adapters - 3
        assert made.adapters + len(made.dropped) == 4
        assert {d.client for d in made.dropped} <= {"mallory"}
        assert all(d.reason for d in made.dropped)
    assert counted < 75
