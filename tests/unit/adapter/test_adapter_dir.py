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

from mcuedit._util import bounded
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


FOREIGN = {
    "NaN": np.array([np.nan], np.float32),
    "infinity": np.array([np.inf], np.float64),
    "a fraction": np.array([0.5], np.float32),
    "int64 beyond int32": np.array([1 << 31]),
    "the least int64": np.array([np.iinfo(np.int64).min]),
    "the least int64 but one": np.array([np.iinfo(np.int64).min + 1]),
    "the largest uint64": np.array([np.iinfo(np.uint64).max], np.uint64),
    "bool": np.array([True]),
    "a matrix": np.array([[1]]),
}


@pytest.mark.parametrize("name", ["c", "m", "s", "rows"])
@pytest.mark.parametrize("what", FOREIGN)
def test_integers_are_integers_of_32_bits(folder, name, what):
    """Casts would make others of them, which then hold all bounds: the least int64 became 0 on the device."""
    tensors = load_file(folder / "adapter_model.safetensors")
    value = FOREIGN[what]
    old = tensors[f"delta.0.{name}"]
    tensors[f"delta.0.{name}"] = np.tile(value, (1, len(old)) if value.ndim == 2 else len(old))
    save_file(tensors, folder / "adapter_model.safetensors")
    with pytest.raises(McueditError, match=rf"damaged adapter \(delta\.0\.{name} (is|holds) "):
        adapter_dir.load(folder)


CONFIGS = {
    "mcuedit.name: a control character": ("name", "a\x1b[31m"),
    "mcuedit.name: an override": ("name", "a\u202eb"),
    "mcuedit.name: a line end": ("name", "a\nb"),
    "mcuedit.name: far too long": ("name", "a" * 300),
    "mcuedit.name: a list": ("name", ["a"]),
    "mcuedit.version: an escape": ("version", "\x9b2J"),
    "mcuedit.base_sha256: a path": ("base_sha256", "../../etc"),
    "mcuedit.labels: an override": ("labels", {"5": "a\u2066b"}),
    "mcuedit.labels: a negative class": ("labels", {"-1": "a"}),
    "mcuedit.info: edits that are no list": ("info", {"edits": 3}),
    "mcuedit.info: metrics that are no object": ("info", {"metrics": [1]}),
    "mcuedit.deltas: no list": ("deltas", {}),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_a_configuration_holds_what_its_form_says(folder, what):
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text("utf-8"))
    name, value = CONFIGS[what]
    config["mcuedit"][name] = value
    file.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(McueditError, match=f"damaged adapter .*field '{name}") as caught:
        adapter_dir.load(folder)
    assert "\x1b" not in caught.value.message


SCALARS = {"tap": -1, "target": 1 << 16, "M": 1 << 31, "S": 1, "bits": 5, "zx": 128, "act_lo": -129, "width": 1 << 20}


@pytest.mark.parametrize("name", SCALARS)
def test_scalars_have_the_range_of_their_field_on_the_device(folder, name):
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text("utf-8"))
    config["mcuedit"]["deltas"][0][name] = SCALARS[name]
    file.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(McueditError, match=rf"field 'deltas\[0\]\.{name}'"):
        adapter_dir.load(folder)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_file_beyond_its_limit_is_not_read(folder, name, monkeypatch):
    monkeypatch.setattr(bounded, "CONFIG", 100)
    monkeypatch.setattr(bounded, "TENSORS", 100)
    monkeypatch.setattr(adapter_dir, "_config", adapter_dir._config if "config" in name else lambda path: None)
    with pytest.raises(McueditError, match=f"{name}: larger than 0 KB, the limit"):
        adapter_dir.load(folder)


def test_nesting_has_an_end(folder):
    (folder / "adapter_config.json").write_text('{"mcuedit":' + "[" * 100_000)
    with pytest.raises(McueditError, match="damaged adapter"):
        adapter_dir.load(folder)
