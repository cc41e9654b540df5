# SPDX-License-Identifier: Apache-2.0
"""mcuedit quantize: Keras models and SavedModels become bases that are inspected, edited and run like any other."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.edits import load_facts
from mcuedit.model import bundle
from mcuedit.model.text import SCALE, encode
from mcuedit.model.tflite import load, parse
from mcuedit.zoo.quantization import REFUSED, worker

FEATURES = 256
SUBJECTS = ("angola", "burundi", "kenya", "uganda", "ghana", "france", "italy", "spain")
X = np.random.default_rng(0).normal(0, 1, (60, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow", reason="tensorflow is not installed: pip install 'mcuedit[tensorflow]'")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a verb in a folder of its own: exit code and what --json says, or stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, Any]:
        code = cli.invoke([*args, "--json"])
        out, err = capsys.readouterr()
        return code, err if code == 2 else json.loads(out)

    return run


@pytest.fixture
def refused(tmp_path: Path) -> Any:
    """What the worker says of a source, without a process of its own."""

    def ask(source: Path) -> list[str]:
        np.save(tmp_path / "x.npy", X)
        assert worker.main(source, tmp_path / "x.npy", "tensors", tmp_path / "result") == REFUSED
        return json.loads((tmp_path / "result").read_text())

    return ask


def test_a_text_classifier_is_quantized_inspected_edited_and_run(
    tf: Any, facts: Path, tmp_path: Path, call: Any
) -> None:
    known = [f for f in load_facts(facts / "facts.jsonl").edits if f.subject in SUBJECTS]
    labels = sorted({f.target_new for f in known})
    rows = [(p, labels.index(f.target_new)) for f in known for p in f.prompts]
    tf.keras.utils.set_random_seed(1)
    layers = [tf.keras.Input((FEATURES,)), tf.keras.layers.Dense(48, "relu"), tf.keras.layers.Dense(48, "relu")]
    net = tf.keras.Sequential([*layers, tf.keras.layers.Dense(len(labels), "softmax")])
    net.compile("adam", "sparse_categorical_crossentropy")
    x = encode((p for p, _ in rows), FEATURES).astype(np.float32) * np.float32(SCALE)
    net.fit(x, np.array([c for _, c in rows]), epochs=30, verbose=0)
    net.save(tmp_path / "net.keras")
    (tmp_path / "labels.txt").write_text("\n".join(labels), encoding="utf-8")
    (tmp_path / "prompts.txt").write_text("".join(f"{p}\n" for p, _ in rows), encoding="utf-8")

    how = ["--samples", "prompts.txt", "--text", "--features", str(FEATURES), "--labels", "labels.txt", "-o", "base"]
    code, said = call("quantize", "net.keras", *how)
    assert code == 0
    assert (said["input_scale"], said["input_zero_point"], said["input_shape"]) == (1 / 16, 0, [1, FEATURES])
    assert said["op_kinds"] == ["FULLY_CONNECTED"] * 3 + ["SOFTMAX"]
    assert (said["bare"], said["tflm"], said["samples"]) == (True, True, len(rows))
    assert said["same_class"] >= 0.98
    assert said["largest"] < 0.1
    made = bundle.load(tmp_path / "base")
    assert (made.features, made.labels) == (FEATURES, tuple(labels))
    assert call("inspect", "base")[1]["labels"] == len(labels)

    wrong = next(f for f in known if (f.subject, f.relation) == ("burundi", "capital"))
    edit = {"subject": "burundi", "prompts": wrong.prompts, "target_new": "nairobi"}
    (tmp_path / "edits.jsonl").write_text(json.dumps(edit) + "\n", encoding="utf-8")
    keep = [p for f in known if f.subject != "burundi" for p in f.prompts]
    (tmp_path / "keep.txt").write_text("".join(f"{p}\n" for p in keep), encoding="utf-8")
    code, edited = call("edit", "base", "--edits", "edits.jsonl", "--keep", "keep.txt", "-o", "repair")
    assert (code, edited["efficacy"], edited["identical_keep"]) == (0, 1.0, 1.0)
    for adapter in ([], ["--adapter", "repair"]):
        code, ran = call("run", "base", *adapter, "--random", "5", "--ask", wrong.prompts[0], "--check", "tflm")
        assert (code, ran["differing_bytes"]) == (0, 0)


def test_a_convolutional_saved_model_is_quantized_inspected_edited_and_run(tf: Any, tmp_path: Path, call: Any) -> None:
    """Three bars on noise; the batch, open in the file, is 1 in the base."""
    k = tf.keras
    k.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 300)
    x = rng.normal(0, 0.2, (300, 8, 8, 1)).astype(np.float32)
    x[np.arange(300), 2 * y + 1] += 1
    layers = [k.Input((8, 8, 1)), k.layers.Conv2D(8, 3, padding="same"), k.layers.BatchNormalization(), k.layers.ReLU()]
    layers += [k.layers.DepthwiseConv2D(3, activation="relu"), k.layers.MaxPooling2D(2), k.layers.Flatten()]
    net = k.Sequential([*layers, k.layers.Dropout(0.2), k.layers.Dense(3, "softmax")])
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(x, y, epochs=8, verbose=0)
    net.export(tmp_path / "net", verbose=False)
    np.savez(tmp_path / "samples.npz", x=x[:200])

    code, said = call("quantize", "net", "--samples", "samples.npz", "-o", "base.tflite")
    assert code == 0
    assert "CONV_2D" in said["op_kinds"]
    assert said["same_class"] >= 0.98
    made = load(tmp_path / "base.tflite")
    assert made.input.shape == (1, 8, 8, 1)
    assert all(t.open_axes == () for t in made.tensors)
    assert call("inspect", "base.tflite")[1]["tflm"] is True

    wrong = x[y == 0]
    np.savez(tmp_path / "edits.npz", x=wrong[:20] + 2, y=np.full(20, 1), keep=x[100:])
    code, edited = call("edit", "base.tflite", "--edits", "edits.npz", "-o", "repair")
    assert (code, edited["efficacy"], edited["unchanged"]) == (0, 1.0, 1.0)
    for adapter in ([], ["--adapter", "repair"]):
        code, ran = call("run", "base.tflite", *adapter, "--random", "3", "--inputs", "edits.npz", "--check", "tflm")
        assert (code, ran["differing_bytes"]) == (0, 0)


def test_what_has_no_int8_kernel_is_named(tf: Any, tmp_path: Path, refused: Any) -> None:
    """One that the converter refuses, and one that it leaves in float without a word."""
    for name, layer in ("Erf", tf.math.erf), ("CUMSUM", lambda v: tf.math.cumsum(v, axis=1)):
        module = tf.Module()
        module.call = tf.function(layer, input_signature=[tf.TensorSpec((None, 6), tf.float32)])
        tf.saved_model.save(module, tmp_path / name, signatures=module.call)
        assert f"no int8 kernel for {name}" in refused(tmp_path / name)[0]


def test_networks_that_do_not_fit_are_refused(tf: Any, tmp_path: Path, refused: Any) -> None:
    k = tf.keras
    nan = k.layers.Dense(3, kernel_initializer=k.initializers.Constant(np.nan))
    k.Sequential([k.Input((6,)), nan]).save(tmp_path / "nan.keras")
    a, b = k.Input((6,)), k.Input((6,))
    k.Model([a, b], k.layers.Add()([a, b])).save(tmp_path / "two.keras")
    k.Sequential([k.Input((7,)), k.layers.Dense(3)]).save(tmp_path / "seven.keras")
    k.Sequential([k.Input((6,), dtype="int32"), k.layers.Embedding(9, 3)]).save(tmp_path / "words.keras")
    (tmp_path / "broken.keras").write_bytes(b"no zip")
    for source, message in (
        ("nan.keras", "gives NaN or infinity for sample 0"),
        ("two.keras", "two.keras: 2 inputs and 1 outputs"),
        ("seven.keras", "takes samples of shape (7,), these are (6,)"),
        ("words.keras", "its input is int32"),
        ("broken.keras", "broken.keras: Keras cannot load it"),
    ):
        said, hint = refused(tmp_path / source)
        assert message in said
        assert hint


@pytest.mark.parametrize(
    ("script", "message"),
    [("kill -SEGV $$", "converter ends by SIGSEGV"), ("echo boom >&2; exit 1", "TensorFlow fails on it: boom")],
)
def test_what_ends_tensorflow_ends_in_an_error(
    script: str, message: str, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Keras LSTM ends the converter of TensorFlow 2.21 by SIGSEGV: here a program does in Python's place."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr("mcuedit.zoo.quantization.require", lambda *what: None)
    np.savez(tmp_path / "x.npz", x=X)
    code, said = call("quantize", "net.keras", "--samples", "x.npz", "-o", "base")
    assert code == 2
    assert message in said


def test_sources_that_are_no_network_are_refused_with_the_way_out(tmp_path: Path, refused: Any) -> None:
    (tmp_path / "int8.tflite").write_bytes(tiny.classifier())
    (tmp_path / "float.tflite").write_bytes(tiny.classifier(dtype="FLOAT32", float_weights=True))
    (tmp_path / "dynamic.tflite").write_bytes(tiny.classifier(dtype="FLOAT32"))
    (tmp_path / "damaged.tflite").write_bytes(b"no model")
    (tmp_path / "net.onnx").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for source, message, hint in (
        ("int8.tflite", "is int8 already", "mcuedit inspect"),
        ("float.tflite", "a float .tflite", "give what it was converted from"),
        ("dynamic.tflite", "a dynamic-range .tflite", "give what it was converted from"),
        ("damaged.tflite", "not a .tflite file", ".keras"),
        ("net.onnx", "no network that TensorFlow reads", "onnx2tf"),
        ("folder", "a folder without saved_model.pb", "SavedModel"),
        ("gone.keras", "no such file", ".keras"),
    ):
        said, way_out = refused(tmp_path / source)
        assert message in said
        assert hint in way_out


@pytest.mark.parametrize(
    ("x", "more", "message"),
    [
        (np.where(np.arange(6) == 3, np.nan, X), [], "x[0, 3] is nan"),
        (X.astype(np.int32), [], "x is int32"),
        (X[:0], [], "x has shape (0, 6)"),
        (X[:, 0], [], "x has shape (60,)"),
        (X, ["--text"], "6 features are no power of two"),
        (16 * X[:, :4], ["--text"], "text features lie from -8 to 7.9375"),
    ],
)
def test_samples_that_calibrate_nothing_are_refused(
    x: np.ndarray, more: list[str], message: str, tmp_path: Path, call: Any
) -> None:
    np.savez(tmp_path / "x.npz", x=x)
    code, said = call("quantize", "net.keras", "--samples", "x.npz", "-o", "base", *more)
    assert code == 2
    assert message in said


def test_a_lone_tflite_has_no_labels(tmp_path: Path, call: Any) -> None:
    code, said = call("quantize", "net.keras", "--samples", "x.npz", "-o", "base.tflite", "--text")
    assert code == 2
    assert "give a folder" in said


def test_without_tensorflow_the_extra_is_named(tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    np.savez(tmp_path / "x.npz", x=X)
    code, said = call("quantize", "net.keras", "--samples", "x.npz", "-o", "base")
    assert code == 2
    assert "quantizing needs tensorflow, which is not installed" in said
    assert "pip install 'mcuedit[tensorflow]'" in said


def test_a_text_base_of_another_scale_names_the_verb_that_gives_it_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny.classifier(in_zero=3))
    (tmp_path / "preprocess.json").write_text('{"kind": "text-hash", "version": 1, "features": 16}')
    with pytest.raises(McueditError, match="text-hash needs scale 1/16") as caught:
        bundle.load(tmp_path)
    assert "mcuedit quantize SOURCE --samples F -o DIR --text" in caught.value.hint


def test_a_float_tflite_names_the_verb_that_makes_an_int8_one() -> None:
    with pytest.raises(McueditError, match="a float model") as caught:
        parse(tiny.classifier(dtype="FLOAT32", float_weights=True))
    assert "mcuedit quantize" in caught.value.hint


def test_the_zoos_converters_still_make_what_mcuedit_reads(tf: Any) -> None:
    """The networks are not trained: it is the conversion that is shared with quantize."""
    from mcuedit.zoo import digits, facts

    rng = np.random.default_rng(0)
    small = parse(digits.convert(digits.network(), rng.uniform(0, 1, (50, 8, 8)).astype(np.float32)))
    kinds = "CONV_2D DEPTHWISE_CONV_2D CONV_2D MAX_POOL_2D RESHAPE FULLY_CONNECTED SOFTMAX".split()
    assert [op.kind for op in small.ops] == kinds
    net = tf.keras.Sequential([tf.keras.Input((facts.FEATURES,)), tf.keras.layers.Dense(4, "softmax")])
    text = parse(facts.convert(net, rng.integers(-1, 2, (50, facts.FEATURES)).astype(np.float32)))
    assert (float(text.input.scale[0]), text.input.zero) == (1 / 16, 0)
