# SPDX-License-Identifier: Apache-2.0
"""Models that are no int8 base: every verb calls each by its right name and says the way out."""

from __future__ import annotations

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


def legacy() -> bytes:
    net = NetBuilder(dtype="UINT8")
    x, y = net.tensor("x", (1, 4), 0.1, 128), net.tensor("y", (1, 4), 0.1, 128)
    net.op("FULLY_CONNECTED", [x, net.constant("w", np.ones((4, 4), np.uint8), [0.1])], y)
    return net.pack(x, y)


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
