# SPDX-License-Identifier: Apache-2.0
"""Edits with differential privacy: exact noise by the array, what is learned, what is not written, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import exp
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from helpers.deltas import delta
from helpers.tiny import classifier

from mcuedit import privacy, zoo
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder as adapter_dir
from mcuedit.adapter.delta import Delta
from mcuedit.cli.repair.edit import command
from mcuedit.cli.repair.learn import command as learn
from mcuedit.edits import Edit, EditSet, load_edits
from mcuedit.edits.reader import parse_edits
from mcuedit.model.tflite import parse
from mcuedit.training.factors.frozen_a import gradient, margins
from mcuedit.training.methods.private import Examples, _units, clipped_sum, protected, units_sum


@pytest.mark.parametrize("sigma", [1, 3, 40])
def test_draws_follow_the_distribution(sigma: int) -> None:
    n = 60_000
    found = Counter(privacy.discrete_gaussians(privacy.seeded_bits(sigma), sigma, n).tolist())
    weights = {k: exp(-k * k / (2 * sigma * sigma)) for k in range(-12 * sigma, 12 * sigma + 1)}
    total = sum(weights.values())
    common = {k: n * w / total for k, w in weights.items() if n * w / total >= 20}
    chi2 = sum((found[k] - wanted) ** 2 / wanted for k, wanted in common.items())
    assert chi2 < len(common) + 5 * (2 * len(common)) ** 0.5  # five standard deviations


def test_the_widest_noise() -> None:
    draws = privacy.discrete_gaussians(privacy.system_bits, 4096, 20_000)
    assert np.std(draws) == pytest.approx(4096, rel=0.03)
    assert abs(np.mean(draws)) < 5 * 4096 / 20_000**0.5


def test_bits_that_are_not_random_are_an_error() -> None:
    with pytest.raises(McueditError, match="not random"):
        privacy.discrete_gaussians(lambda n: np.zeros(n, np.uint64), 40, 3)


def _delta(rows: int | None) -> Delta:
    return delta(parse(classifier((24, 16, 12)), "tiny"), 1, 1, rank=6, rows=rows, seed=1)


@pytest.mark.parametrize("clip", [1, 90, 150, 400])
@pytest.mark.parametrize("rows", [2, None])
def test_clipping_all_at_once_is_clipping_each(rows: int | None, clip: int) -> None:
    rng, made = np.random.default_rng(clip), _delta(rows)
    n = 60
    many = Examples(rng.integers(0, 128, (n, 6)), rng.integers(-90, 90, (n, 12)), rng.integers(0, 12, n))
    total = np.zeros(made.b.shape, np.int64)
    for i in range(n):
        one = many[i : i + 1]
        own = gradient(made, one.h, margins(made, one.h, one.logits, one.wanted))
        total += privacy.clip(own.ravel(), clip).reshape(own.shape)
    assert (clipped_sum(made, many, clip) == total).all()


def test_a_budget() -> None:
    budget = privacy.budget("200,50,30", 1.0, privacy.Protected(672))
    assert budget.epsilon == pytest.approx(4.76, abs=0.01)
    assert budget.delta == pytest.approx(672**-1.1)
    assert (
        budget.flat() | {"sigma": 200, "clip": 50, "steps": 30, "rate": 1.0, "private_examples": 672} == budget.flat()
    )
    assert "epsilon 4.759 for each of 672 prompts, at delta 7.76e-04" in str(budget)


@pytest.mark.parametrize(
    "text", ["", "200", "200,50", "200,50,30,1", "a,b,c", "200,50,-3", "0,50,30", "200,50,0", "1.5,1,1"]
)
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(McueditError):
        privacy.budget(text, 1.0, privacy.Protected(10))


@pytest.mark.parametrize("clip", [1, 90, 400])
def test_an_edit_moves_a_sum_by_no_more_than_the_norm(clip: int) -> None:
    rng, made = np.random.default_rng(clip), _delta(None)
    n, units = 60, [np.arange(0, 20), np.arange(20, 59), np.array([59, 3])]
    many = Examples(rng.integers(0, 128, (n, 6)), rng.integers(-90, 90, (n, 12)), rng.integers(0, 12, n))
    each = [units_sum(made, many, [unit], clip) for unit in units]
    assert all(np.square(own).sum() <= clip * clip for own in each)
    assert (units_sum(made, many, units, clip) == sum(each)).all()
    wide = sum(clipped_sum(made, many[i : i + 1], 32767) for i in range(20))
    assert (units_sum(made, many, units[:1], 32767) == wide).all()


def test_prompts_of_an_edit_are_sampled_together() -> None:
    one, other = Edit("a", ("a 0", "a 1", "a 2"), "x", user="u"), Edit("b", ("a 1", "b 0"), "x")
    both = EditSet((one, other))
    assert [unit.tolist() for unit in _units(both, privacy.EDIT)] == [[0, 1, 2], [1, 3]]
    assert [unit.tolist() for unit in _units(both, privacy.PROMPT)] == [[0], [1], [2], [3]]
    assert protected(both) == privacy.Protected(4, 2, 3, 2, 1, privacy.EDIT)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three edits of facts, and a keep set short enough for a test."""
    folder = tmp_path_factory.mktemp("private")
    edits, keep = zoo.draw_edits("facts", 3, 5)
    (folder / "edits.jsonl").write_text(edits, encoding="utf-8")
    (folder / "keep.jsonl").write_text("".join(keep.splitlines(keepends=True)[:60]), encoding="utf-8")
    return folder


def _edit(files: Path, output: Path, *more: str, edits: str = "edits.jsonl") -> Result:
    base = str(zoo.folder("facts"))
    given = [base, "--edits", str(files / edits), "--keep", str(files / "keep.jsonl"), "-o", str(output)]
    return CliRunner().invoke(command, [*given, *more])


def test_private_edits_are_learned_and_not_written(files: Path, tmp_path: Path) -> None:
    result = _edit(files, tmp_path / "fix", "--dp", "20,50,30", "--json")
    values = json.loads(result.stdout)
    assert values["efficacy"] > 0.8
    assert values["epsilon"] > 0
    assert (values["sigma"], values["clip"], values["steps"], values["rate"]) == (20, 50, 30, 1.0)
    info = adapter_dir.load(tmp_path / "fix").info
    assert values["unit"] == "edit"
    assert values["epsilon"] == values["epsilon_edit"] < values["epsilon_prompt"]
    assert info == {"private": {k: values[k] for k in privacy.budget("20,50,30", 1.0, privacy.Protected(9)).flat()}}
    written = b"".join(p.read_bytes() for p in sorted((tmp_path / "fix").iterdir()))
    for line in (files / "edits.jsonl").read_text().splitlines():
        for prompt in json.loads(line)["prompts"]:
            assert prompt.encode() not in written
    assert not (tmp_path / "fix" / adapter_dir.EDITS).exists()
    assert "epsilons add up" in result.stderr


def test_nothing_but_b_depends_on_private_prompts(files: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (files / "edits.jsonl").read_text().splitlines()]
    keep = [json.loads(line) for line in (files / "keep.jsonl").read_text().splitlines()]
    for i, line in enumerate(lines):  # other questions, some of them in the keep set
        line["subject"] = keep[i]["subject"]
        line["prompts"] = [*_prompts(keep[i])[:2], f"something else of {line['subject']} {i}"]
        line["locality"] = []
    (files / "others.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = []
    for name in ("edits.jsonl", "others.jsonl"):
        result = _edit(files, tmp_path / name, "--dp", "50,50,1", "--rank", "8", edits=name)
        made.append(adapter_dir.load(tmp_path / name).deltas[0])
    assert "pull both ways" in result.stderr
    one, other = made
    for field in ("a", "c", "m", "s", "rows"):
        assert np.array_equal(getattr(one, field), getattr(other, field)), field


def _prompts(line: object) -> Sequence[str]:
    return line["prompts"] if isinstance(line, dict) else [str(line)]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--dp", "20,50"], "three integers"),
        (["--dp", "5000,50,30"], "sigma 5000"),
        (["--dp", "20,50,30", "--dp-rate", "0"], "rate"),
        (["--dp-rate", "0.5"], "--dp-rate without --dp"),
        (["--dp-unit", "edit"], "--dp-unit without --dp"),
        (["--dp-delta", "1e-6"], "--dp-delta without --dp"),
        (["--dp", "20,50,30", "--dp-delta", "0.5"], "delta 0.5"),
        (["--dp", "20,50,30", "--plain"], "--gated"),
        (["--dp", "20,50,30", "--bits", "4"], "--bits"),
        (["--dp", "20,50,30", "--merged"], "beside"),
        (["--dp", "20,50,30", "--tap", "2"], "--tap"),
        (["--dp", "20,50,30", "--tap", "2", "--target", "2"], "target op 2"),
    ],
)
def test_what_cannot_be_private_is_refused(files: Path, tmp_path: Path, more: list[str], what: str) -> None:
    result = _edit(files, tmp_path / "none", *more)
    assert isinstance(result.exception, McueditError)
    assert what in f"{result.exception} {result.exception.hint}"
    assert not (tmp_path / "none").exists()


def test_a_device_gives_away_what_the_host_says(files: Path) -> None:
    """Two wordings and eight confirmed inputs: an edit of two prompts among ten."""

    def told(*more: str) -> dict[str, object]:
        given = [str(zoo.folder("facts")), "--keep", str(files / "keep.jsonl"), "--replay", "8", "--budget", "--json"]
        result = CliRunner().invoke(learn, [*given, "--dp", "200,50,30", *more], standalone_mode=False)
        found = {k.removeprefix("dp_"): v for k, v in json.loads(result.stdout).items() if k.startswith("dp_")}
        return found

    for unit in privacy.UNITS:
        who = privacy.Protected(10, 1, 2, unit=unit)
        assert told("--dp-unit", unit) == privacy.budget("200,50,30", 1.0, who).flat()
    assert told() == told("--dp-unit", "edit")


def test_users_are_told_apart_where_the_lines_name_them(files: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (files / "edits.jsonl").read_text().splitlines()]
    plain = parse_edits(lines)
    for line, user in zip(lines, ("ann", "ann", "bo"), strict=True):
        line["user"] = user
    (tmp_path / "edits.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    named = load_edits(tmp_path / "edits.jsonl")
    assert [e.to_dict()["user"] for e in named.edits] == ["ann", "ann", "bo"]
    assert [e.sha256 for e in named.edits] == [e.sha256 for e in plain.edits]
    assert protected(named).of_user == 2
    result = _edit(files, tmp_path / "fix", "--dp", "20,50,2", "--rank", "8", edits=str(tmp_path / "edits.jsonl"))
    assert "for each of 2 users of at most 2 edits" in " ".join(result.stdout.split())
    info = adapter_dir.load(tmp_path / "fix").info["private"]
    assert info["epsilon_user"] > info["epsilon_edit"]
    written = b"".join(p.read_bytes() for p in sorted((tmp_path / "fix").iterdir()))
    assert b"ann" not in written
