# SPDX-License-Identifier: Apache-2.0
"""mcuedit inspect, and how every verb answers to a file that is not what it should be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny

from mcuedit import cli
from mcuedit.adapter import encoding, folder
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.codegen.inspection import describe
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.tflite import Model, load


@pytest.fixture
def run(capsys):
    """Runs a command line: (exit code, stdout, stderr)."""

    def run(*args: object) -> tuple[int, str, str]:
        code = cli.invoke([str(arg) for arg in args])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def adapter(tiny_model: Model) -> Adapter:
    tap, target = op_geometry(tiny_model, 0), op_geometry(tiny_model, 1)
    m, s = quantize_multiplier(0.01)
    a = np.ones((1, tap.n_in), np.int8)
    one = np.array([m]), np.array([s])
    b, rows = np.array([[50], [-50]], np.int8), np.array([1, 4])
    delta = Delta(0, 1, a, np.array([9]), *one, b, rows, m, s, True, 8, tap.zx, target.act_lo, target.act_hi)
    return Adapter("gitega", "1.0.0", tiny_model.sha256, (delta,), {5: "gitega"})


def test_base_as_a_table(run, tiny_path):
    code, out, err = run("inspect", tiny_path)
    assert (code, err) == (0, "")
    shown = "FULLY_CONNECTED", "SOFTMAX", "named", "no target: op 2 SOFTMAX has no", "1x16", "176 MACs"
    for text in "tiny", load(tiny_path).sha256, *shown:
        assert text in out


def test_base_as_json(run, tiny_path):
    code, out, err = run("inspect", tiny_path, "--json")
    assert (code, err) == (0, "")
    values = json.loads(out)
    assert values["op_macs"] == [128, 48, 0]
    assert values["taps"] == values["targets"] == [0, 1]
    assert (values["taps_by_name"], values["targets_by_name"]) == ([2], [])
    assert values["bare"] is True
    assert values["sha256"] == load(tiny_path).sha256


def test_memory_and_runtimes(run, tiny_path):
    _, out, _ = run("inspect", tiny_path, "--json")
    values = json.loads(out)
    assert (values["bare_why_not"], values["tflm_why_not"]) == ("", "")
    assert values["arena"] == 24  # the input with the widest layer; logits and probabilities fit in there
    assert values["stack_scratch"] == 0
    assert values["constants"] == 16 * 8 + 8 * 6 + 4 * (8 + 6) + 2 * 4 * (4 + 1)  # each multiplier four times


def test_places_for_edits_of_tensors(run, tiny_path, tmp_path):
    rng = np.random.default_rng(0)
    x, keep = (rng.integers(-128, 128, (n, 16), np.int8) for n in (8, 40))
    np.savez(tmp_path / "edits.npz", x=x, y=np.full(8, 5), keep=keep)
    code, out, _ = run("inspect", tiny_path, "--edits", tmp_path / "edits.npz")
    assert code == 0
    assert "op 1 -> op 1" in out
    assert "taken" in out
    code, out, _ = run("inspect", tiny_path, "--edits", tmp_path / "edits.npz", "--json")
    values = json.loads(out)
    assert code == 0
    assert values["score"] == sorted(values["score"], reverse=True)
    assert set(zip(values["tap"], values["target"], strict=True)) >= {(0, 0), (1, 1), (0, 1)}


def test_places_for_prompts_need_a_keep_set(run, facts, tmp_path):
    (tmp_path / "edits.jsonl").write_text('{"subject": "a", "prompts": ["b c"], "target_new": "d"}\n')
    code, _, err = run("inspect", facts, "--edits", tmp_path / "edits.jsonl")
    assert code == 2
    assert "no keep set" in err


def test_zoo_base_has_labels_and_spare_slots(run, facts):
    values = json.loads(run("inspect", facts, "--json")[1])
    assert values["labels"] > 400
    assert values["spare"] >= 16


def test_mlperf_models(run, shared_model):
    values = json.loads(run("inspect", shared_model, "--json")[1])
    expected = {"ad01_int8": (264_192, True), "kws_ref_model": (2_656_768, True)}
    assert (values["macs"], values["bare"]) == expected[shared_model.stem]


def test_no_target_before_an_op_that_training_cannot_pass(shared_model):
    for op in describe(load(shared_model)):
        assert (op.target and not op.named) == (op.kind in ("CONV_2D", "FULLY_CONNECTED"))


def test_adapter_folder(run, tmp_path, adapter):
    folder.save(adapter, tmp_path / "gitega")
    code, out, _ = run("inspect", tmp_path / "gitega")
    assert code == 0
    for text in "gitega", "0 -> 1", "gated", "class 5 is named gitega":
        assert text in out
    values = json.loads(run("inspect", tmp_path / "gitega", "--json")[1])
    assert values["factor_bytes"] == adapter.factor_bytes
    assert values["label_names"] == ["gitega"]


def test_device_bytes(run, tmp_path, tiny_path, tiny_model, adapter):
    path = tmp_path / "gitega.bin"
    path.write_bytes(encoding.encode(adapter, tiny_model))
    assert run("inspect", path)[0] == 2
    values = json.loads(run("inspect", path, "--base", tiny_path, "--json")[1])
    assert values["bytes"] == path.stat().st_size
    path.write_bytes(path.read_bytes()[:-4])
    assert run("inspect", path, "--base", tiny_path)[0] == 2


BAD = {
    "no.tflite": (b"hello", "not a .tflite file"),
    "empty.tflite": (b"", "not a .tflite file"),
    "cut.tflite": (tiny.classifier()[:600], "truncated or damaged"),
    "float.tflite": (tiny.classifier(dtype="FLOAT32", float_weights=True), "a float model"),
    "dynamic.tflite": (tiny.classifier(dtype="FLOAT32"), "a dynamic-range model"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("verb", [["inspect"], ["emit", "-o", "OUT", "--base"]])
def test_files_that_are_no_base(run, tmp_path: Path, name, verb):
    data, why = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    code, out, err = run(*(str(tmp_path / "out") if word == "OUT" else word for word in verb), path)
    lines = err.splitlines()
    assert (code, out) == (2, "")
    assert len(lines) == 2
    assert lines[0].startswith(f"error: {path}")
    assert why in lines[0]
    assert lines[1].startswith("hint: ")
    assert not (tmp_path / "out").exists()


def test_missing_and_empty_places(run, tmp_path):
    assert run("inspect", tmp_path / "none.tflite")[0] == 2
    assert run("inspect", tmp_path)[0] == 2


def test_emit_is_whole_stable_and_careful(run, tmp_path, tiny_path, tiny_model, adapter):
    folder.save(adapter, tmp_path / "gitega")

    def emit(out: str, *more: str):
        return run("emit", tmp_path / "gitega", "--base", tiny_path, "-o", tmp_path / out, *more)

    assert emit("one")[0] == 0
    code, out, err = emit("two", "--json")
    assert (code, err) == (0, "")
    assert "gitega.bin" in json.loads(out)["files"]

    def tree(name: str) -> dict[str, bytes]:
        root = tmp_path / name
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert tree("one") == tree("two")
    assert tree("one")["gitega.bin"] == encoding.encode(adapter, tiny_model)
    assert str(tmp_path).encode() not in b"".join(tree("one").values())
    (tmp_path / "two" / "notes.txt").write_text("mine")
    code, _, err = emit("two")
    assert code == 2
    assert "notes.txt was not written by mcuedit" in err
    assert emit("two", "--force")[0] == 0
    assert tree("one") == tree("two")


def test_emit_finds_the_zoo_base_and_names_what_it_misses(run, tmp_path, adapter, facts):
    folder.save(adapter, tmp_path / "gitega")
    code, _, err = run("emit", tmp_path / "gitega", "-o", tmp_path / "out")
    assert code == 2
    assert "add --base BASE" in err
    code, _, err = run("emit", tmp_path / "gitega", "--base", facts, "-o", tmp_path / "out")
    assert code == 2
    assert "for another base" in err
    assert run("emit", "-o", tmp_path / "out")[0] == 2
    assert run("emit", "--base", facts, "-o", tmp_path / "out")[0] == 0


def test_zoo(run, tmp_path):
    assert "facts" in json.loads(run("zoo", "list", "--json")[1])
    assert run("zoo", "list")[0] == 0
    code, out, _ = run("zoo", "export", "facts", tmp_path / "facts", "--json")
    assert code == 0
    assert {"model.tflite", "labels.txt", "preprocess.json", "facts.jsonl"} <= set(json.loads(out)["files"])
    assert run("inspect", tmp_path / "facts")[0] == 0
    assert run("zoo", "export", "nothing", tmp_path / "x")[0] == 2
    (tmp_path / "facts" / "mine").write_text("x")
    assert run("zoo", "export", "facts", tmp_path / "facts")[0] == 2
