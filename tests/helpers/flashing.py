# SPDX-License-Identifier: Apache-2.0
"""A board for every runner, something to write to it, and runners that are scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.elf import elf
from mcuedit._util import resources
from mcuedit.adapter import encoding
from mcuedit.boards import board
from mcuedit.boards.board import Board
from mcuedit.model.tflite import parse

FLASHING = """
[flash]
program_unit = 8
erase_page = 0x800
slots = { origin = 0x0803f000, size = 0x800, count = 2 }
[flashing]
runner = "openocd"
[flashing.targets]
pyocd = "stm32l4"
openocd = "board/st.cfg"
west = "jlink"
esptool = "esp32s3"
"""
_PLACE = "flash = { origin = 0x08000000, length = 0x40000 }"
_VIRTUAL = (resources.path("boards") / "virt-m4" / "board.toml").read_text()
BOARD = re.sub(r"(?s)# The controller.*?\n\n", "", re.sub("flash = {.*}", _PLACE, _VIRTUAL)) + FLASHING
FIRMWARE = ((0x08000000, bytes(range(200))), (0x08000400, b"constants"))


def device_bytes() -> bytes:
    """A small adapter: 60 bytes, 4 short of what flash takes."""
    model = parse(tiny.classifier((16, 8, 6)), "tiny")
    return encoding.encode(adapter(model, delta(model, 0, 1)), model)


@pytest.fixture
def to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """The board, which `board.load` then gives under any name, in a folder with firmware.elf and adapter.bin."""
    folder = tmp_path / "tester"
    folder.mkdir()
    (folder / "board.toml").write_text(BOARD)
    (tmp_path / "firmware.elf").write_bytes(elf(*FIRMWARE))
    (tmp_path / "adapter.bin").write_bytes(device_bytes())
    made = board.parse(folder / "board.toml")
    monkeypatch.setattr(board, "load", lambda name: made)
    monkeypatch.chdir(tmp_path)
    return made


def script(folder: Path, name: str, body: str) -> Path:
    """An executable of that name which runs `body` in sh."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path
