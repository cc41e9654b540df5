# SPDX-License-Identifier: Apache-2.0
"""More than one op behind the int8 core: it is taken up to there, and what stands behind runs in the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.rims import FLOAT, TAILS, run_file, tailed

from mcuedit import cli, codegen
from mcuedit._util.errors import McueditError
from mcuedit.emulate.runner import best_oracle
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse


@pytest.mark.parametrize("name", TAILS)
def test_the_core_ends_before_the_tail(name: str) -> None:
    model = parse(tailed(*TAILS[name]))
    assert model.output.name == "y8"
    assert [op.kind for op in model.ops if model.is_core(op)] == ["FULLY_CONNECTED"]
    assert model.file_outputs == (model.ops[-1].outputs[0],)
    kinds = ", ".join(op.kind for op in model.ops[1:])
    assert model.notes == (
        f"output 't{len(TAILS[name]) - 1}': the core ends before op 1; {kinds} behind it run in the file alone",
    )
    rows = np.random.default_rng(0).integers(-128, 128, (5, 1, 6)).astype(np.int8)
    found = best_oracle(model).activations(rows, model.outputs)[model.outputs[0]].reshape(5, 4)
    ends = [run_file(model.data, [row])[0].ravel() for row in rows]
    for q, end in zip(found, ends, strict=True):  # the file goes on with these bytes: its answer is theirs
        if name == "class":
            assert end[0] == q.argmax()
        else:
            assert end[q.argmax()] == end.max()


@pytest.mark.parametrize("name", TAILS)
def test_such_a_file_is_shown_edited_and_run(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net, fix, edits = (str(tmp_path / file) for file in ("net.tflite", "fix", "edits.npz"))
    Path(net).write_bytes(tailed(*TAILS[name]))
    rng = np.random.default_rng(1)
    rows = rng.integers(-60, 60, (30, 6)).astype(np.int8)
    np.savez(edits, x=rows[:1], keep=rows[1:], y=np.array([2]))
    assert cli.invoke(["inspect", net]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "int8 before op 1" in shown
    assert shown.count("behind the core") == len(TAILS[name])
    assert "bare runtime: yes" in shown
    assert cli.invoke(["edit", net, "--edits", edits, "-o", fix, "--floor", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["efficacy"] == 1.0
    run = ["run", net, "--adapter", fix, "--emulator", "host", "--random", "9", "--inputs", edits, "--check", "tflm"]
    assert cli.invoke([*run, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["differing_bytes"] == 0
    assert "run in the file alone" in " ".join(told.err.split())


def test_the_header_says_what_is_not_there() -> None:
    text = codegen.render_base(Base("net", parse(tailed(*TAILS["float softmax"]))))["net.h"]
    assert "means; the .tflite goes on with DEQUANTIZE, SOFTMAX. */" in text


def test_what_has_weights_of_its_own_is_no_tail() -> None:
    with pytest.raises(McueditError, match="tensor 't0' is FLOAT32: a model with float ops behind int8 ones"):
        parse(tailed(("DEQUANTIZE", FLOAT), ("SOFTMAX", FLOAT), last="FULLY_CONNECTED"), "net.tflite")
