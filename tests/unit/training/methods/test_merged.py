# SPDX-License-Identifier: Apache-2.0
"""Method merged: edits hold on the file that comes of them, and what weights cannot do is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.fitting import changed, train_merged

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.adapter import weight_patch
from mcuedit.benchmark import edits
from mcuedit.edits import KeepSet, TensorSet, ToClass
from mcuedit.evaluation.tensors import MeasureTensors
from mcuedit.model import bundle as bases
from mcuedit.model import ops
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import parse
from mcuedit.training import Options
from mcuedit.training.examples import text as examples
from mcuedit.zoo import digits_data

PLAIN = Options(gated=False, seed=1)


@pytest.fixture(scope="module")
def digits() -> Base:
    return bases.load(digits_data.DATA)


@pytest.fixture(scope="module")
def task() -> TensorSet:
    """Sevens that lean are to be eights; upright ones and all else stay."""
    data = digits_data.load()
    leaning = digits_data.quantized(
        digits_data.slanted(digits_data.pictures(data["x_train"][data["y_train"] == 7]), 0.7)
    )
    keep = data["x_train"][::6]
    wanted = ToClass(np.full(12, 8))
    return TensorSet(leaning[:12], wanted, keep, leaning[12:60], ToClass(np.full(48, 8)), data["x_test"][::5])


@pytest.mark.parametrize("target", [pytest.param("0", marks=pytest.mark.slow), "2", "5"])
def test_edits_of_any_op_hold_on_the_merged_file(digits: Base, task: TensorSet, target: str) -> None:
    read = edits.reader(digits, Tflm(digits.model))
    made = train_merged(read, task, replace(PLAIN, target=target, rank=3))
    assert made.new_weights.op == int(target)
    assert 0 < len(changed(digits.model, made.new_weights.data)) == made.new_weights.patch.changed
    model = parse(made.new_weights.data)
    figures = MeasureTensors(read, repaired=edits.reader(replace(digits, model=model), Tflm(model)))(task)
    assert figures.efficacy >= 0.9
    assert figures.unchanged >= 0.95
    again = train_merged(read, task, replace(PLAIN, target=target, rank=3))
    assert again.new_weights.data == made.new_weights.data


def test_the_numpy_ops_take_the_merged_weights(digits: Base) -> None:
    """What training saw is what the file does."""
    old = weight_patch.weights_of(digits.model, 2)
    new, _ = weight_patch.shifted(old, np.random.default_rng(1).normal(0, 3, old.shape))
    model = parse(weight_patch.merge(digits.model, 2, new))
    op = model.ops[2]
    x = digits_data.load()["x_test"][:20]
    seen = Tflm(model).activations(x, [op.inputs[0], op.outputs[0]])
    np.testing.assert_array_equal(ops.operator(model, op).forward(seen[op.inputs[0]]), seen[op.outputs[0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(), "gated factors cannot be merged"),
        (replace(PLAIN, tap="0", target="5"), "tap 0 is not target 5"),
        (replace(PLAIN, target="1"), "op 1 DEPTHWISE_CONV_2D has no weights to change"),
    ],
)
def test_what_weights_cannot_do(digits: Base, task: TensorSet, options: Options, message: str) -> None:
    with pytest.raises(McueditError, match=message):
        train_merged(edits.reader(digits, Tflm(digits.model)), task, options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gated", "-o", "new.tflite"], "gated factors cannot be merged"),
        (["--tap", "0", "--target", "1", "-o", "new.tflite"], "tap 0 is not target 1"),
        (["-o", "folder"], "writes a model, not a folder"),
        (["-o", "old.tflite"], "old.tflite exists"),
        (["--with", "adapter", "-o", "new.tflite"], "--merged beside an adapter"),
    ],
)
def test_command_line_refuses(tmp_path, monkeypatch, capsys, tiny_bytes, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.tflite").write_bytes(tiny_bytes)
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (4, 1, 16)).astype(np.int8)
    np.savez(tmp_path / "edits.npz", x=x, y=np.full(4, 2), keep=x[:0])
    assert cli.invoke(["edit", "old.tflite", "--edits", "edits.npz", "--merged", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["edits.npz", "old.tflite"]


def test_command_line_writes_a_model(tmp_path, monkeypatch, capsys, tiny_bytes) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.tflite").write_bytes(tiny_bytes)
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (40, 1, 16)).astype(np.int8)
    np.savez(tmp_path / "edits.npz", x=x[:1], y=np.full(1, 2), keep=x[1:])
    arguments = ["edit", "old.tflite", "--edits", "edits.npz", "--merged", "-o", "new.tflite", "--json"]
    assert cli.invoke(arguments) in (0, 1)
    figures = json.loads(capsys.readouterr().out)
    count = len(changed(parse(tiny_bytes), (tmp_path / "new.tflite").read_bytes()))
    assert 0 < figures["patch_changed"] == count <= 16 * 8


def test_blends_ask_what_their_line_asks() -> None:
    prompts = ("which currency has aruba", "what do people in aruba pay with", "capital of peru")
    keep = KeepSet(prompts, (0, 0, 1), "keep")
    found = examples.blends(keep, 40, 3)
    assert len(found) == 40
    assert all("aruba" in text.split() for text in found[:20])
    assert all({"capital", "of", "peru"} <= set(text.split()) for text in found[20:])
    assert len(set(found[:20])) > 15
    assert found == examples.blends(keep, 40, 3)
    assert examples.blends(KeepSet((), (), "none"), 40, 3) == []


def test_bench_measures_the_merged_files(tmp_path, capsys) -> None:
    base, drawn = tmp_path / "facts", tmp_path / "drawn"
    assert cli.invoke(["zoo", "export", "facts", str(base)]) == 0
    assert cli.invoke(["zoo", "edits", "facts", str(drawn), "--count", "1", "--seed", "9"]) == 0
    keep = tmp_path / "keep.jsonl"
    keep.write_text("\n".join((drawn / "keep.jsonl").read_text("utf-8").splitlines()[:40]), "utf-8")
    capsys.readouterr()
    arguments = ["--edits", str(drawn / "edits.jsonl"), "--keep", str(keep), "--merged", "--target", "3", "--json"]
    assert cli.invoke(["bench", "edits", str(base), *arguments, "--how", "single"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["edits"], found["placed_3"], found["efficacy"]) == (1, 1, 1.0)
    assert found["neighbourhood"] >= found["neighbourhood_worst"] > 0.9
    assert 0 < found["patch_bytes"] < found["changed"] <= 72 * 128
    assert cli.invoke(["bench", "edits", str(base), *arguments, "--dump", str(tmp_path / "d.npz")]) == 2
    assert "--dump with --merged" in capsys.readouterr().err
