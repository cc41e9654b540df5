# SPDX-License-Identifier: Apache-2.0
"""A board is a folder with a board.toml: nothing else knows its name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mcuedit import cli
from mcuedit._util import resources
from mcuedit.boards import board
from mcuedit.conformance.bytes import random_inputs
from mcuedit.emulate import runner
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle


@pytest.fixture
def boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the boards, with one more: its UART lies elsewhere."""
    find, copy = resources.path, tmp_path / "boards"
    shutil.copytree(find("boards"), copy)
    (copy / "mine").mkdir()
    text = (copy / "virt-m4" / "board.toml").read_text(encoding="utf-8")
    assert "0x40004000" in text
    (copy / "mine" / "board.toml").write_text(text.replace("0x40004000", "0x50000000"), encoding="utf-8")
    monkeypatch.setattr(resources, "path", lambda name: copy if name == "boards" else find(name))
    return copy


def test_firmware_is_built_for_it_and_answers_byte_for_byte(boards: Path, tiny_path: Path) -> None:
    assert board.load("mine").uart_base == 0x50000000
    base = bundle.load(tiny_path)
    x = random_inputs(base, 3)
    result = runner.run(base, options=RunOptions(emulator="unicorn", board="mine"), inputs=x)
    assert (result.outputs == runner.expected(base, (), runner.best_oracle(base.model), x)).all()


def test_verbs_know_it(boards: Path, tiny_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.invoke(["boards"]) == 0
    assert "mine" in capsys.readouterr().out.split()
    assert cli.invoke(["run", str(tiny_path), "--board", "mine", "--random", "1"]) == 0
