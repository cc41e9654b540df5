# SPDX-License-Identifier: Apache-2.0
"""Bases with ends of another type or several of them, through the verbs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.rims import branching, rimmed

from mcuedit import cli

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")


@pytest.fixture
def several(tmp_path: Path) -> Path:
    (tmp_path / "net.tflite").write_bytes(branching(first="UINT8", last="FLOAT32"))
    rng = np.random.default_rng(0)
    arrays = {
        "x:a": rng.integers(-20, 20, (1, 5)).astype(np.int8),
        "x:b": rng.integers(0, 256, (1, 2, 3)).astype(np.uint8),
        "keep:a": rng.integers(-20, 20, (20, 5)).astype(np.int8),
        "keep:b": rng.integers(0, 256, (20, 2, 3)).astype(np.uint8),
    }
    np.savez(tmp_path / "edits.npz", y=np.array([3]), **arrays)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_inspect_lists_ends_and_their_types(several: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.invoke(["inspect", str(several / "net.tflite"), "--json"]) == 0
    values = said(capsys)
    assert values["inputs"] == ["a", "b"]
    assert values["input_types"] == ["INT8", "UINT8"]
    assert values["output_types"] == ["INT8", "FLOAT32", "INT8"]
    assert values["bare"]
    assert values["tflm"]
    assert cli.invoke(["inspect", str(several / "net.tflite")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "input 1 'b': UINT8, int8 behind op 0" in text
    assert "output 1 'ended': FLOAT32, int8 before op 6" in text


def test_an_edit_names_its_output_and_keeps_the_bytes_of_all(several: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit = ["edit", str(several / "net.tflite"), "--edits", str(several / "edits.npz"), "-o", str(several / "fix")]
    assert cli.invoke([*edit, "--json"]) == 2
    assert "--output-name NAME: 'scores' (0), 'ended' (1), 'one' (2)" in " ".join(capsys.readouterr().err.split())
    assert cli.invoke([*edit, "--output-name", "scores", "--tap", "2", "--target", "4", "--json"]) == 0
    values = said(capsys)
    assert values["efficacy"] == 1.0
    assert values["identical_keep"] == 1.0
    run = ["run", str(several / "net.tflite"), "--adapter", str(several / "fix"), "--emulator", "host", "--json"]
    assert cli.invoke([*run, "--inputs", str(several / "edits.npz"), "--random", "5", "--check", "tflm"]) == 0
    assert said(capsys)["differing_bytes"] == 0
    measure = ["eval", str(several / "net.tflite"), str(several / "fix"), "--edits", str(several / "edits.npz")]
    assert cli.invoke([*measure, "--output-name", "0", "--json"]) == 0
    capsys.readouterr()
    assert cli.invoke([*measure, "--output-name", "ended", "--json"]) == 1
    assert cli.invoke(["inspect", str(several / "fix")]) == 0
    assert "output 'scores'" in " ".join(capsys.readouterr().out.split())


def test_an_adapter_remembers_the_output_that_it_changes(several: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`scores` and `ended` are both like a classifier's: nothing but the adapter tells which one is meant."""
    net, edits = str(several / "net.tflite"), str(several / "edits.npz")
    for name, last in ("scores", "4"), ("ended", "3"):
        at = ["--tap", "2", "--target", "2"] if name == "ended" else ["--tap", "2", "--target", last]
        edit = ["edit", net, "--edits", edits, "-o", str(several / name), "--output-name", name, *at, "--floor", "0"]
        assert cli.invoke([*edit, "--json"]) in (0, 1)
        config = json.loads((several / name / "adapter_config.json").read_text())
        assert config["mcuedit"]["output"] == name
        capsys.readouterr()
        assert cli.invoke(["eval", net, str(several / name), "--edits", edits, "--json"]) in (0, 1)
        told = said(capsys)
        assert cli.invoke(["eval", net, str(several / name), "--edits", edits, "--output-name", name, "--json"]) in (
            0,
            1,
        )
        assert {**said(capsys), "seconds": 0} == {**told, "seconds": 0}
    both = [str(several / "scores"), str(several / "ended")]
    for verb in (
        ["eval", net, *both, "--edits", edits],
        ["run", net, "--adapter", both[0], "--adapter", both[1], "--random", "1", "--emulator", "host"],
        ["emit", *both, "--base", net, "-o", str(several / "out")],
    ):
        assert cli.invoke(verb) == 2
        assert "'scores', 'ended'" in " ".join(capsys.readouterr().err.split())


def test_what_is_emitted_and_packed_follows_the_adapters_output(
    several: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net, edits = str(several / "net.tflite"), str(several / "edits.npz")
    edit = ["edit", net, "--edits", edits, "-o", str(several / "fix"), "--output-name", "ended"]
    assert cli.invoke([*edit, "--tap", "2", "--target", "2", "--floor", "0", "--json"]) == 0
    assert cli.invoke(["emit", str(several / "fix"), "--base", net, "-o", str(several / "out")]) == 0
    text = (several / "out" / "net.h").read_text()
    assert any("_LOGITS" in line and line.endswith("((const int8_t *)(output) + 4)") for line in text.splitlines())
    key, package, manifest = (str(several / name) for name in ("key.pem", "fix.mcu", "manifest.json"))
    assert cli.invoke(["keygen", "-o", key]) == 0
    pack = ["pack", str(several / "fix"), "--base", net, "--version", "1.0.0", "--key", key, "-o", package]
    assert cli.invoke([*pack, "--counter", "1", "--self-test", edits, "--manifest", manifest]) == 0
    assert json.loads(Path(manifest).read_text())["adapters"][0]["output"] == "ended"
    verify = ["verify", package, "--key", str(several / "key.pub"), "--base", net]
    assert cli.invoke([*verify, "--output-name", "ended"]) == 0


def test_a_change_of_another_output_is_not_called_identical(several: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A delta behind which both outputs lie: what is kept is judged by the bytes of both."""
    edit = ["edit", str(several / "net.tflite"), "--edits", str(several / "edits.npz"), "-o", str(several / "fix")]
    plain = ["--plain", "--rank", "2", "--tap", "2", "--target", "2", "--floor", "0"]
    assert cli.invoke([*edit, "--output-name", "scores", *plain, "--json"]) in (0, 1)
    values = said(capsys)
    assert values["identical_keep"] < 1.0  # type: ignore[operator]


def test_samples_of_the_files_own_type_are_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.tflite").write_bytes(rimmed())
    x = np.array([[0.03125, -0.03125, 1.0, 7.9, -9.0, 0.0]], np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    run = ["run", str(tmp_path / "net.tflite"), "--inputs", str(tmp_path / "x.npz"), "--emulator", "host", "--json"]
    assert cli.invoke([*run, "--check", "tflm", "--dump", str(tmp_path / "d.npz")]) == 0
    assert said(capsys)["differing_bytes"] == 0
    assert np.load(tmp_path / "d.npz")["x"].tolist() == [[1, -1, 16, 126, -128, 0]]


def test_emit_names_the_scores_of_the_output_that_is_edited(several: Path) -> None:
    emit = ["emit", "--base", str(several / "net.tflite"), "-o", str(several / "out"), "--force"]
    found = {}
    for name in ("scores", "ended"):
        assert cli.invoke([*emit, "--output-name", name]) == 0
        text = (several / "out" / "net.h").read_text()
        found[name] = [line.split(") ", 1)[-1] for line in text.splitlines() if "_LOGITS" in line and "#define" in line]
    assert found["scores"][0] == "((const int8_t *)(output))"
    assert found["ended"][0] == "((const int8_t *)(output) + 4)"
    assert [line.split()[-1] for _, line in found.values()] == ["4", "5"]
