# SPDX-License-Identifier: Apache-2.0
"""Adapter folders: PEFT's names, nothing lost, damage reported."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import deltas
from safetensors.numpy import load_file, save_file

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter import folder as adapter_dir
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.model.tflite import Model


def sample(model: Model) -> Adapter:
    made = deltas.adapter(
        model,
        deltas.delta(model, 0, 1, rank=2, bits=4),
        deltas.delta(model, 1, 1, rows=None, gated=False),
        deltas.delta(model, 1, 1, seed=1, conditional=True),
        name="burundi",
        labels={5: "gitega", 4: "são tomé"},
    )
    return replace(made, version="1.2.3", info={"metrics": {"efficacy": 1.0}, "edits": ["ab" * 32]})


@pytest.fixture
def folder(tiny_model: Model, tmp_path: Path) -> Path:
    adapter_dir.save(sample(tiny_model), tmp_path / "adapter")
    return tmp_path / "adapter"


def test_round_trip(folder, tiny_model):
    found, wanted = adapter_dir.load(folder), sample(tiny_model)
    for one, other in zip(found.deltas, wanted.deltas, strict=True):
        for field in fields(Delta):
            assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name
    for name in ("name", "version", "base_sha256", "labels", "info"):
        assert getattr(found, name) == getattr(wanted, name)
    assert encoding.encode(found, tiny_model) == encoding.encode(wanted, tiny_model)


def test_names_are_those_of_peft(folder):
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["peft_type"], config["r"], config["lora_alpha"], config["target_modules"]) == ("LORA", 2, 2, ["1"])
    tensors = load_file(folder / "adapter_model.safetensors")
    assert tensors["delta.0.lora_A.weight"].shape == (2, 16)
    assert tensors["delta.0.lora_B.weight"].shape == (2, 2)
    assert tensors["delta.1.lora_A.weight"].dtype == tensors["delta.1.lora_B.weight"].dtype == np.int8
    assert {n for n in tensors if n.startswith("delta.0.")} == {
        f"delta.0.{n}" for n in ("lora_A.weight", "lora_B.weight", "c", "m", "s", "rows")
    }
    assert "delta.1.rows" not in tensors  # B is dense


def test_the_same_adapter_gives_the_same_files(folder, tiny_model, tmp_path):
    adapter_dir.save(sample(tiny_model), tmp_path / "again")
    for name in (adapter_dir.CONFIG, adapter_dir.TENSORS):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_more_files_travel_along(tiny_model, tmp_path):
    adapter_dir.save(replace(sample(tiny_model), files={adapter_dir.EDITS: '{"x": "é"}\n'}), tmp_path / "a")
    assert (tmp_path / "a" / "edits.jsonl").read_text(encoding="utf-8") == '{"x": "é"}\n'
    adapter_dir.save(sample(tiny_model), tmp_path / "a")  # our own folder is replaced, as a whole
    assert not (tmp_path / "a" / "edits.jsonl").exists()


def test_files_of_others_stay(tiny_model, folder):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(McueditError):
        adapter_dir.save(sample(tiny_model), folder)
    assert (folder / "notes.txt").read_text() == "mine"
    adapter_dir.save(sample(tiny_model), folder, force=True)


@pytest.mark.parametrize("name", [adapter_dir.CONFIG, adapter_dir.TENSORS])
def test_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(McueditError, match=r"no adapter \(No such file") as caught:
        adapter_dir.load(folder)
    assert "adapter_model.safetensors" in caught.value.hint


@pytest.mark.parametrize("name", [adapter_dir.CONFIG, adapter_dir.TENSORS])
def test_cut_short(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(McueditError, match="damaged adapter"):
        adapter_dir.load(folder)


def test_unknown_format(folder):
    text = (folder / adapter_dir.CONFIG).read_text().replace('"format": 1', '"format": 2')
    (folder / adapter_dir.CONFIG).write_text(text)
    with pytest.raises(McueditError, match="adapter format 2 is unknown"):
        adapter_dir.load(folder)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("delta.0.lora_A.weight", np.zeros((2, 16), np.float32), "int8 matrices"),
        ("delta.0.lora_B.weight", np.zeros(2, np.int8), "int8 matrices"),
        ("delta.0.lora_B.weight", np.zeros((2, 3), np.int8), "differ in rank"),
        ("delta.1.c", np.zeros(2, np.int64), "differ in rank"),
    ],
)
def test_tensors_that_do_not_go_together(folder, name, value, message):
    path = folder / adapter_dir.TENSORS
    save_file({**load_file(path), name: value}, path)
    with pytest.raises(McueditError, match=message):
        adapter_dir.load(folder)


def test_a_tensor_that_is_missing(folder):
    path = folder / adapter_dir.TENSORS
    save_file({n: v for n, v in load_file(path).items() if n != "delta.1.m"}, path)
    with pytest.raises(McueditError, match=r"delta\.1\.m"):
        adapter_dir.load(folder)


PEFT = {
    "peft_type": "LORA",
    "base_model_name_or_path": "meta-llama/Llama-2-7b-hf",
    "r": 8,
    "target_modules": ["q_proj"],
}
THEIRS = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.mark.parametrize("tensors", [{THEIRS: np.zeros((8, 64), np.float32)}, None])
def test_an_adapter_of_hugging_face_is_told_apart(tmp_path, tensors):
    (tmp_path / adapter_dir.CONFIG).write_text(json.dumps(PEFT))
    if tensors:
        save_file(tensors, tmp_path / adapter_dir.TENSORS)
    with pytest.raises(
        McueditError, match="a LORA adapter for meta-llama/Llama-2-7b-hf of Hugging Face PEFT"
    ) as caught:
        adapter_dir.load(tmp_path)
    assert "mcuedit edit BASE" in caught.value.hint


def test_one_of_ours_that_lost_its_configuration_is_damaged(folder):
    (folder / adapter_dir.CONFIG).write_text(json.dumps(PEFT))
    with pytest.raises(McueditError, match="damaged adapter"):
        adapter_dir.load(folder)


def test_a_configuration_with_a_byte_order_mark_is_read(folder):
    file = folder / adapter_dir.CONFIG
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert adapter_dir.load(folder).name == "burundi"
