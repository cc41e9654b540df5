# SPDX-License-Identifier: Apache-2.0
"""The line protocol of SPEC.md section 5, spoken to the real firmware."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny

from mcuedit.boards import board
from mcuedit.build.driver import build
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import Session, open_session
from mcuedit.emulate.devices.firmware import sources
from mcuedit.model import tflite
from mcuedit.model.bundle import Base

WIDTH = 16


@pytest.fixture(scope="module")
def base() -> Base:
    labels = ("ant", "bee", "cat", "dog", "eel", "fly")
    return Base("tiny", tflite.parse(tiny.classifier((WIDTH, 8, 6), in_zero=0), "tiny"), labels, WIDTH)


@pytest.fixture(scope="module")
def elf(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = sources(base, adapters(base.model, 3))
    return build(board.load("virt-m4"), files, "server", tmp_path_factory.mktemp("server")).elf


@pytest.fixture
def device(elf: Path) -> Iterator[Session]:
    with open_session("unicorn", board.load("virt-m4"), elf, timeout=5.0) as session:
        assert session.read_line() == "mcuedit ready"
        yield session


def say(device: Session, command: str | bytes) -> str:
    device.write((command.encode() if isinstance(command, str) else command) + b"\n")
    return device.read_line()


ZEROS = "00" * WIDTH


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("", "error E_COMMAND"),
        ("hello", "error E_COMMAND"),
        ("ASK what", "error E_COMMAND"),
        ("runs " + ZEROS, "error E_COMMAND"),
        ("statistics", "error E_COMMAND"),
        ("ticks", "error E_COMMAND"),  # no trace points in this build
        ("run", "error E_SIZE"),
        ("run " + ZEROS[:-1], "error E_SIZE"),
        ("run " + ZEROS[:-2], "error E_SIZE"),
        ("run " + ZEROS + "0", "error E_SIZE"),
        ("run " + ZEROS + "00", "error E_SIZE"),
        ("run 0G" + ZEROS[2:], "error E_COMMAND"),
        ("run AB" + ZEROS[2:], "error E_COMMAND"),  # lower case only
        ("run " + ZEROS[:4] + " " + ZEROS[4:], "error E_COMMAND"),
        ("use", "error E_COMMAND"),
        ("use x", "error E_COMMAND"),
        ("use 8", "error E_COMMAND"),  # there are three adapters
        ("use 100000000", "error E_COMMAND"),
        ("use 0", "ok"),
        ("use 7", "ok"),
        ("use 0000000000000005", "ok"),
        ("ask " + 256 * "a", "error E_SIZE"),
    ],
)
def test_replies(device: Session, command: str, reply: str) -> None:
    before = say(device, "run " + ZEROS)
    assert re.fullmatch(r"out [0-9a-f]{12}", before)
    assert say(device, command) == reply
    say(device, "use 7")
    assert say(device, "run " + ZEROS) == before  # a refused command leaves no trace


def test_ask(device: Session, base: Base) -> None:
    answer = re.fullmatch(r"answer (\d) (\w+)", say(device, "ask what is it?"))
    assert answer is not None
    assert base.labels is not None
    assert base.labels[int(answer[1])] == answer[2]
    assert say(device, "ask " + 255 * "a").startswith("answer ")
    assert say(device, "ask ").startswith("answer ")
    assert say(device, b"ask \xff\x00\xc3").startswith("answer ")


def test_carriage_returns_are_ignored(device: Session) -> None:
    assert say(device, f"run {ZEROS}\r") == say(device, f"run {ZEROS}")


def test_stat(device: Session) -> None:
    found = re.fullmatch(r"stat stack=(\d+) adapters=3 arena=\d+", say(device, "stat"))
    assert found is not None
    assert 0 < int(found[1]) < 2048


def test_all_adapters_are_active_at_start(device: Session) -> None:
    rng = np.random.default_rng(1)
    commands = ["run " + row.tobytes().hex() for row in rng.integers(-128, 128, (20, WIDTH), np.int8)]
    at_start = [say(device, command) for command in commands]
    assert say(device, "use 0") == "ok"
    assert [say(device, command) for command in commands] != at_start
    assert say(device, "use 7") == "ok"
    assert [say(device, command) for command in commands] == at_start


def _flipped(text: str, array: str) -> str:
    """C source with the lowest bit of the last element of an array flipped."""
    at = text.index("{", text.index(f" {array}["))
    end = text.index("}", at)
    plain = re.sub(r"/\*.*?\*/", "", text[at:end])
    numbers = [int(word, 0) for word in re.findall(r"0x[0-9a-f]+|-?\d+", plain)]
    numbers[-1] ^= 1
    return f"{text[: at + 1]}{', '.join(map(str, numbers))}{text[end:]}"


def test_refused_adapter(base: Base, tmp_path: Path) -> None:
    """The base still answers, and so do the other adapters."""
    files = sources(base, adapters(base.model, 3))
    files["a1_adapter.c"] = _flipped(files["a1_adapter.c"], "a1_adapter")
    elf = build(board.load("virt-m4"), files, "server", tmp_path).elf
    with open_session("unicorn", board.load("virt-m4"), elf, timeout=5.0) as device:
        assert device.read_line() == "error E_CRC"
        assert say(device, "run " + ZEROS).startswith("out ")
        assert say(device, "use 2") == "error E_CRC"
        assert say(device, "use 5") == "ok"
        assert say(device, "ask what is it?").startswith("answer ")


def test_refused_base(base: Base, tmp_path: Path) -> None:
    files = sources(base, adapters(base.model, 1))
    files["base.c"] = _flipped(files["base.c"], "op0_weights")
    elf = build(board.load("virt-m4"), files, "server", tmp_path).elf
    with open_session("unicorn", board.load("virt-m4"), elf, timeout=5.0) as device:
        assert device.read_line() == "error E_BASE"
        assert say(device, "run " + ZEROS) == "error E_BASE"
        assert say(device, "ask what is it?") == "error E_BASE"


def test_base_without_text(tmp_path: Path) -> None:
    lone = Base("lone", tflite.parse(tiny.classifier((WIDTH, 8, 6)), "lone"))
    elf = build(board.load("virt-m0"), sources(lone), "server", tmp_path).elf
    with open_session("unicorn", board.load("virt-m0"), elf, timeout=5.0) as device:
        assert device.read_line() == "mcuedit ready"
        assert say(device, "ask what is it?") == "error E_COMMAND"
        assert say(device, "use 0") == "ok"
        assert say(device, "use 1") == "error E_COMMAND"
        assert say(device, "run " + ZEROS).startswith("out ")
