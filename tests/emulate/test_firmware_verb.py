# SPDX-License-Identifier: Apache-2.0
"""mcuedit firmware: devices to push packages to, built from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import packages, tiny

from mcuedit import cli
from mcuedit.emulate.device_process import DeviceProcess


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """A verb with a base and a public key."""
    (tmp_path / "base.tflite").write_bytes(tiny.classifier())
    (tmp_path / "key.pub").write_bytes(packages.public().imgtool().get_public_pem())
    return ["firmware", str(tmp_path / "base.tflite"), "--key", str(tmp_path / "key.pub")]


def test_a_program_of_this_machine(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.invoke([*given, "-o", str(tmp_path / "device"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["keys"] == [packages.public().sha256]
    assert (told["board"], told["development"], told["base"]) == ("", False, packages.model().sha256)
    with DeviceProcess(tmp_path / "device", tmp_path / "flash") as device:
        assert device.error == ""


def test_an_elf_for_a_board(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--board", "virt-m4", "--development", "-o", str(tmp_path / "device.elf")]
    assert cli.invoke([*given, *more]) == 0
    said = capsys.readouterr()
    assert "of flash and" in said.out
    assert "takes packages of anybody" in said.err
    assert (tmp_path / "device.elf").read_bytes()[:4] == b"\x7fELF"


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
