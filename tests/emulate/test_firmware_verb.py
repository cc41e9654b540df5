# SPDX-License-Identifier: Apache-2.0
"""mcuedit firmware: devices to push packages to, built from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import packages, tiny

from mcuedit import cli
from mcuedit.boards import board
from mcuedit.edits import load_facts
from mcuedit.emulate import open_session
from mcuedit.emulate.devices.device_process import DeviceProcess


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """A verb with a base and a public key."""
    (tmp_path / "base.tflite").write_bytes(tiny.classifier())
    (tmp_path / "key.pub").write_bytes(packages.public().imgtool().get_public_pem())
    (tmp_path / "operator.pub").write_bytes(packages.public(9).imgtool().get_public_pem())
    keys = ["--key", str(tmp_path / "key.pub"), "--operator", str(tmp_path / "operator.pub")]
    return ["firmware", str(tmp_path / "base.tflite"), *keys]


def test_a_program_of_this_machine(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.invoke([*given, "-o", str(tmp_path / "device"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["keys"] == [packages.public().sha256]
    assert told["operators"] == [packages.public(9).sha256]
    assert (told["board"], told["development"], told["base"]) == ("", False, packages.model().sha256)
    with DeviceProcess(tmp_path / "device", tmp_path / "flash") as device:
        assert device.error == ""


def test_an_elf_for_a_board(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--board", "virt-m4", "--development", "-o", str(tmp_path / "device.elf")]
    assert cli.invoke([*given, *more]) == 0
    said = capsys.readouterr()
    assert "of flash and" in said.out
    assert "takes packages and commands of anybody" in said.err
    assert (tmp_path / "device.elf").read_bytes()[:4] == b"\x7fELF"


@pytest.fixture
def learning(facts: Path, tmp_path: Path) -> list[str]:
    """A verb that builds a device that learns facts, from a small keep set."""
    known = load_facts(facts / "facts.jsonl").edits[::9]
    lines = [{"prompt": prompt} for fact in known for prompt in fact.prompts[:4]]
    (tmp_path / "keep.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ["firmware", str(facts), "--learn", str(tmp_path / "keep.jsonl")]


def test_an_elf_that_learns(learning: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elf = tmp_path / "learner.elf"
    assert cli.invoke([*learning, "--board", "virt-m4", "--development", "-o", str(elf), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["keys"] == []
    with open_session("unicorn", board.load("virt-m4"), elf) as session:
        assert session.read_line() == "mcuedit ready"
        session.write(b"fix 9999 what is this\n")
        assert session.read_line() == "error E_CLASS"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--board", "stm32f4_discovery", "--development"], "checkpoints take 2"),
        ([], "--learn needs --board"),
        (["--board", "virt-m4"], "whoever reaches it teaches it"),
    ],
)
def test_where_nothing_can_learn(
    learning: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.invoke([*learning, *arguments, "-o", str(tmp_path / "learner")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "learner").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no --key"),
        (["--development", "--board", "virt-m9"], "virt-m9"),
        (["--development", "--board", "stm32f746g_disco"], "no flash for a store"),
        (["--development", "--board", "virt-m4", "--id", "x" * 17], "device id"),
    ],
)
def test_bad_input(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.invoke([*given[:2], *arguments, "-o", str(tmp_path / "device")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert not (tmp_path / "device").exists()


def test_a_key_for_packages_and_none_for_commands(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reached the device would command it; the error names both ways out."""
    assert cli.invoke([*given[:4], "-o", str(tmp_path / "device")]) == 2
    error = capsys.readouterr().err
    assert "commands need none" in error
    assert "--operator operator.pub" in error
    assert "--development" in error
    assert not (tmp_path / "device").exists()
