# SPDX-License-Identifier: Apache-2.0
"""Models that are no int8 base: every verb calls each by its right name and says the way out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers import tiny
from helpers.rims import rimmed

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.tflite import parse

ROOT = Path(__file__).resolve().parents[3]


def custom(code: str) -> bytes:
    net = NetBuilder()
    x, y = net.tensor("x", (1, 4), 0.1, 0), net.tensor("y", (1, 4), 0.1, 0)
    net.op("CUSTOM", [x], y)
    return tiny.altered(net.pack(x, y), lambda m: setattr(m.operatorCodes[0], "customCode", code.encode()))


def compressed() -> bytes:
    """As TFLM's compression leaves a model: constants are bins, and metadata says how to read them."""

    def change(model: Any) -> None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = b"COMPRESSION_METADATA", 0
        model.metadata = [entry]
        model.buffers[1].data = model.buffers[1].data[:-3]

    return tiny.altered(tiny.classifier(), change)


def scaled(scale: float, tensor: int = 0) -> bytes:
    def change(model: Any) -> None:
        model.subgraphs[0].tensors[tensor].quantization.scale = [scale]

    return tiny.altered(tiny.classifier(), change)


def wide(first: str = "INT16", last: str = "INT16", *, then: bool = False) -> bytes:
    """16x8: one FULLY_CONNECTED between ends of a type; with `then` one of int8 behind it."""
    net = NetBuilder(dtype="INT16")
    x = given = net.tensor("x", (1, 4), 0.1, 0, dtype=first)
    if first != "INT16":
        x = net.tensor("x16", (1, 4), 0.001, 0)
        net.op("QUANTIZE", [given], x)
    y = net.tensor("y16", (1, 4), 0.001, 0)
    net.op("FULLY_CONNECTED", [x, net.constant("w", np.ones((4, 4), np.int8), [0.1])], y)
    if last != "INT16" or then:
        made = net.tensor("y", (1, 4), 0.1, 0, dtype="INT8" if then else last)
        net.op("DEQUANTIZE" if last == "FLOAT32" else "QUANTIZE", [y], made)
        y = made
    if then:
        end = net.tensor("end", (1, 4), 0.1, 0, dtype="INT8")
        weights = np.random.default_rng(0).integers(-99, 99, (4, 4)).astype(np.int8)
        net.op("FULLY_CONNECTED", [y, net.constant("w8", weights, [0.01])], end)
        y = end
    return net.pack(given, y)


def legacy() -> bytes:
    net = NetBuilder(dtype="UINT8")
    x, y = net.tensor("x", (1, 4), 0.1, 128), net.tensor("y", (1, 4), 0.1, 128)
    net.op("FULLY_CONNECTED", [x, net.constant("w", np.ones((4, 4), np.uint8), [0.1])], y)
    return net.pack(x, y)


WIDE = "a model with 16-bit activations, without an int8 tensor that a delta could read or change"
CAUSES = {
    "edgetpu": (custom("edgetpu-custom-op"), "compiled for a Coral Edge TPU", "edgetpu_compiler read"),
    "another runtime": (
        custom("XC_conv2d_v2"),
        "custom op 'XC_conv2d_v2' is not of TensorFlow Lite",
        "compiled for that",
    ),
    "compressed": (compressed(), "its weights are compressed for TensorFlow Lite Micro", "that was compressed"),
    "infinite scale": (scaled(np.inf), "has a scale of inf", "representative data"),
    "NaN scale": (scaled(np.nan), "has a scale of nan", "representative data"),
    "zero scale": (scaled(0.0), "has a scale of 0", "representative data"),
    "float inside": (
        rimmed("INT8", "INT8", middle=True),
        "a model with float ops between int8 ones",
        "mcuedit quantize",
    ),
    "float": (tiny.classifier(dtype="FLOAT32", float_weights=True), "a float model", "mcuedit quantize"),
    "dynamic range": (tiny.classifier(dtype="FLOAT32"), "a dynamic-range model", "mcuedit quantize"),
    "legacy uint8": (legacy(), "a legacy uint8 model", "int8 has taken its place"),
    "16 bits": (wide(), f"'x' is INT16: {WIDE}", "TFLITE_BUILTINS_INT8"),
    "16 bits, float ends": (wide("FLOAT32", "FLOAT32"), f"'x16' is INT16: {WIDE}", "TFLITE_BUILTINS_INT8"),
    "16 bits, int8 behind": (wide(then=True), "a model with 16-bit activations at its ends", "TFLITE_BUILTINS_INT8"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_each_is_called_by_its_name_with_the_way_out(name: str) -> None:
    data, why, hint = CAUSES[name]
    with pytest.raises(McueditError) as caught:
        parse(data, "net.tflite")
    assert why in caught.value.message
    assert caught.value.message.startswith("net.tflite: ")
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", CAUSES)
def test_inspect_edit_and_run_say_the_same(name: str, tmp_path, capsys) -> None:
    data, why, _ = CAUSES[name]
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    np.savez(tmp_path / "edits.npz", x=np.zeros((1, 4), np.int8), y=np.zeros(1, np.int64))
    verbs = (
        ["inspect", str(path)],
        ["edit", str(path), "--edits", str(tmp_path / "edits.npz"), "-o", str(tmp_path / "fix")],
        ["run", str(path), "--random", "1"],
    )
    for verb in verbs:
        assert cli.invoke(verb) == 2
        said = capsys.readouterr().err
        assert why in " ".join(said.split())
        assert "hint: " in said
        assert "Traceback" not in said
    assert not (tmp_path / "fix").exists()


def test_who_is_to_convert_a_model_again_is_told_how() -> None:
    """In one place: no other hint says it without the command."""
    sources = [path for path in (ROOT / "mcuedit").rglob("*.py") if path.name != "causes.py"]
    said = [path for path in sources if re.search(r"convert (the model|it) again", path.read_text(encoding="utf-8"))]
    assert [str(path.relative_to(ROOT)) for path in said] == ["mcuedit/adapter/weight_patch.py"]  # of files above 2 GB


def test_a_damaged_op_says_how_to_convert_again(tiny_bytes: bytes) -> None:
    model = parse(tiny_bytes, "tiny")
    weights = model.tensors[model.ops[0].inputs[1]]
    other = replace(weights, dtype="FLOAT32")
    tensors = tuple(other if tensor is weights else tensor for tensor in model.tensors)
    with pytest.raises(McueditError, match="its weights are FLOAT32") as caught:
        op_geometry(replace(model, tensors=tensors), 0)
    assert "mcuedit quantize SOURCE" in caught.value.hint


def test_16_bits_between_int8_leave_the_int8_tensors_to_deltas(tmp_path: Path, capsys: Any) -> None:
    """Only TensorFlow Lite Micro has these kernels: there it is run and edited, behind them."""
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    net, fix, edits = (str(tmp_path / name) for name in ("net.tflite", "fix", "edits.npz"))
    Path(net).write_bytes(wide("INT8", then=True))
    rows = np.random.default_rng(1).integers(-60, 60, (20, 4)).astype(np.int8)
    np.savez(edits, x=rows[:1], keep=rows[1:], y=np.array([2]))
    assert cli.invoke(["inspect", net, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["bare"], values["tflm"], values["targets"]) == (False, True, [3])
    assert "INT16" in values["bare_why_not"]
    assert cli.invoke(["edit", net, "--edits", edits, "-o", fix, "--floor", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["efficacy"] == 1.0
    assert cli.invoke(["run", net, "--adapter", fix, "--emulator", "tflm", "--random", "3", "--check", "tflm"]) == 0
