# SPDX-License-Identifier: Apache-2.0
"""The committed base `digits` is what the issue says of it, and its edit sets can be made."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mcuedit import cli, zoo
from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.edits import is_spare, load_tensors
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.zoo import digits_data, digits_edits


@pytest.fixture(scope="module")
def base():
    return bases.load(zoo.folder("digits"))


@pytest.fixture(scope="module")
def data():
    return digits_data.load()


def answer(base, x: np.ndarray) -> np.ndarray:
    tensor = logits_tensor(base.model)
    return answers(best_oracle(base.model).activations(x, [tensor])[tensor])


def test_model(base):
    kinds = [op.kind for op in base.model.ops]
    assert kinds == "CONV_2D DEPTHWISE_CONV_2D CONV_2D MAX_POOL_2D RESHAPE FULLY_CONNECTED SOFTMAX".split()
    assert all(base.model.tensors[op.inputs[1]].scale.size > 1 for op in base.model.ops if "CONV" in op.kind)
    assert (float(base.model.input.scale[0]), base.model.input.zero) == (pytest.approx(1 / 255), -128)
    assert len(base.model.data) <= 20_000
    assert [is_spare(label) for label in base.labels] == [False] * 10 + [True]


def test_accuracy(base, data):
    """In the oracle, on images that training never saw."""
    assert len(data["x_train"]) + len(data["x_test"]) == 1797
    assert np.mean(answer(base, data["x_test"]) == data["y_test"]) >= 0.98
    assert not {x.tobytes() for x in data["x_test"]} & {x.tobytes() for x in data["x_train"]}


def test_the_spare_class_is_taught(base):
    blots = digits_data.placeholders(50, np.random.default_rng(3))
    assert np.mean(answer(base, digits_data.quantized(blots)) == digits_data.SPARE_CLASS) >= 0.95


def test_images_and_back(data):
    x = data["x_test"][:20]
    assert np.array_equal(digits_data.quantized(digits_data.pictures(x)), x)
    images = digits_data.pictures(x)
    assert np.array_equal(digits_data.slanted(images, 0.0), images)
    one = np.zeros((1, 8, 8), np.float32)
    one[0, :, 3] = 1
    moved = digits_data.slanted(one, 1.0)
    assert np.array_equal(moved[0, 0, 6:], [0.5, 0.5])  # 3.5 pixels to the right at the top
    assert np.array_equal(moved[0, 7, :1], [0.5])


@pytest.mark.parametrize("kind", digits_edits.KINDS)
def test_edit_sets(base, data, kind, tmp_path):
    """Trained on 30, the rest held out; what is kept was trained on, what measures it was not; the base is wrong."""
    files = zoo.draw_files("digits", kind, None, 5)
    assert files == zoo.draw_files("digits", kind, None, 5)
    (tmp_path / "e.npz").write_bytes(files["edits.npz"])
    drawn = load_tensors(tmp_path / "e.npz", base.model.input, base.model.output.size, base.model.output)
    assert drawn.notes == ()
    assert len(drawn.x) == 30
    assert len(drawn.x_test) >= 100
    wanted = drawn.wanted_test.classes
    assert len(np.unique(wanted)) == 1
    assert np.mean(answer(base, drawn.x_test) == wanted[0]) < 0.1
    trained, tested = ({x.tobytes() for x in data[n]} for n in ("x_train", "x_test"))
    assert {x.tobytes() for x in drawn.keep} <= trained
    assert {x.tobytes() for x in drawn.keep_test} <= tested
    assert not {x.tobytes() for x in drawn.x} & {x.tobytes() for x in (*drawn.x_test, *drawn.keep, *drawn.keep_test)}


def test_edits_that_cannot_be_drawn():
    with pytest.raises(McueditError, match="no edits of kind 'upside-down'"):
        zoo.draw_files("digits", "upside-down", None, 0)
    with pytest.raises(McueditError, match="there are 1"):
        zoo.draw_files("digits", "slanted", 400, 0)
    with pytest.raises(McueditError, match="of one kind only"):
        zoo.draw_files("facts", "slanted", 3, 0)
    with pytest.raises(McueditError, match="no base 'nonesuch'"):
        zoo.draw_files("nonesuch", None, None, 0)


def test_a_slanted_digit_is_repaired_by_command(tmp_path, capsys):
    """Issue 3: 30 to train, the rest held out; the op is chosen by auto."""
    assert cli.invoke(["zoo", "export", "digits", str(tmp_path / "digits")]) == 0
    assert cli.invoke(["zoo", "edits", "digits", str(tmp_path / "slanted"), "--seed", "3"]) == 0
    command = ["edit", str(tmp_path / "digits"), "--edits", str(tmp_path / "slanted" / "edits.npz")]
    assert cli.invoke([*command, "-o", str(tmp_path / "repair"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["held_out_before"] < 0.1
    assert found["held_out"] >= 0.97
    assert found["unchanged_test"] >= 0.985
    assert found["efficacy"] == 1.0
    measure = ["eval", str(tmp_path / "digits"), str(tmp_path / "repair"), *command[2:]]
    assert cli.invoke([*measure, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {name: again[name] for name in again if name != "seconds"} == {
        name: found[name] for name in again if name != "seconds"
    }
    assert cli.invoke([*measure, "--keep", "keep.jsonl"]) == 2
    assert "the .npz holds what to keep" in capsys.readouterr().err
