# SPDX-License-Identifier: Apache-2.0
"""BASE: a lone .tflite, or a folder with labels and a text front end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny

from mcuedit._util.errors import McueditError
from mcuedit.model import bundle, text

LABELS = "a\nb\nc\nd\né\n<spare 0>\n"
PREPROCESS = {"kind": "text-hash", "version": 1, "features": 16}


@pytest.fixture
def folder(tmp_path: Path, tiny_bytes: bytes) -> Path:
    path = tmp_path / "mine"
    path.mkdir()
    (path / "model.tflite").write_bytes(tiny_bytes)
    (path / "labels.txt").write_text(LABELS, encoding="utf-8")
    (path / "preprocess.json").write_text(json.dumps(PREPROCESS))
    return path


def test_folder(folder):
    found = bundle.load(folder)
    assert (found.name, found.features, found.folder) == ("mine", 16, folder)
    assert found.labels == ("a", "b", "c", "d", "é", "<spare 0>")
    x = found.encode(["what is a?", "", b"\xff\x00"])
    assert x.shape == (3, 16)
    assert x[0].tolist() == text.text_features("what is a?", 16).tolist()
    assert found.encode([]).shape == (0, 16)


def test_lone_file(tiny_path):
    found = bundle.load(tiny_path)
    assert (found.name, found.labels, found.features, found.folder) == ("tiny", None, None, None)
    with pytest.raises(McueditError, match="takes tensors, not text"):
        found.encode(["a"])


def test_labels_and_front_end_are_optional(folder):
    (folder / "labels.txt").unlink()
    (folder / "preprocess.json").unlink()
    assert (bundle.load(folder).labels, bundle.load(folder).features) == (None, None)


def test_windows_line_ends(folder):
    (folder / "labels.txt").write_bytes(LABELS.replace("\n", "\r\n").encode())
    assert bundle.load(folder).labels[0] == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\n", "2 labels, the model has 6 classes"),
        (b"a\nb\nc\nd\na\nf\n", "label 'a' stands twice"),
        (b"a\nb\nc\n\xff\ne\nf\n", "labels\\.txt:4: not UTF-8 \\(byte 0xff\\)"),
    ],
)
def test_bad_labels(folder, content, message):
    (folder / "labels.txt").write_bytes(content)
    with pytest.raises(McueditError, match=message) as caught:
        bundle.load(folder)
    assert "labels.txt" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "malformed"),
        (b"[]", r"expected an object, found \[\]"),
        (b"{}", "field 'kind': it is missing; field 'version': it is missing; field 'features': it is missing"),
        (b"\xff", "not UTF-8 \\(byte 0xff\\)"),
        (json.dumps({**PREPROCESS, "kind": "mfcc"}).encode(), "front end 'mfcc' version 1 is unknown"),
        (json.dumps({**PREPROCESS, "version": 2}).encode(), "version 2 is unknown"),
        (json.dumps({**PREPROCESS, "features": 32}).encode(), "32 features, the model's input has 16"),
        (json.dumps({**PREPROCESS, "features": "16"}).encode(), "field 'features': expected an integer, found '16'"),
    ],
)
def test_bad_front_end(folder, content, message):
    (folder / "preprocess.json").write_bytes(content)
    with pytest.raises(McueditError, match=message) as caught:
        bundle.load(folder)
    assert "preprocess.json" in caught.value.message


def test_front_end_needs_the_input_quantization_it_was_made_for(folder):
    (folder / "model.tflite").write_bytes(tiny.classifier(in_zero=3))
    with pytest.raises(McueditError, match="zero point 0"):
        bundle.load(folder)


def test_number_of_features_is_a_power_of_two(folder):
    (folder / "model.tflite").write_bytes(tiny.classifier((12, 8, 6)))
    (folder / "preprocess.json").write_text(json.dumps({**PREPROCESS, "features": 12}))
    with pytest.raises(McueditError, match="12 features are no power of two"):
        bundle.load(folder)


def test_a_file_that_is_a_folder(folder):
    (folder / "labels.txt").unlink()
    (folder / "labels.txt").mkdir()
    with pytest.raises(McueditError, match=r"labels\.txt"):
        bundle.load(folder)


def test_missing_model(tmp_path):
    with pytest.raises(McueditError, match=r"model\.tflite"):
        bundle.load(tmp_path)
    with pytest.raises(McueditError, match="No such file"):
        bundle.load(tmp_path / "none.tflite")


def test_batch_axis_of_other_ranks(tmp_path):
    path = tmp_path / "r"
    path.mkdir()
    (path / "model.tflite").write_bytes(tiny.classifier(reshape=True))
    (path / "preprocess.json").write_text(json.dumps(PREPROCESS))
    assert bundle.load(path).encode(["a", "b"]).shape == (2, 1, 16)
    assert bundle.load(path).encode(["a"]).dtype == np.int8
