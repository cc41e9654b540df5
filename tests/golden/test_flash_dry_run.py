# SPDX-License-Identifier: Apache-2.0
"""Command lines of flashers, a line for each runner and board. `pytest tests/golden --update-golden` writes them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from helpers.elf import elf
from helpers.flashing import device_bytes, to

from mcuedit import cli
from mcuedit._util import resources
from mcuedit.boards import board

__all__ = ["to"]
EXPECTED = Path(__file__).with_name("expected_flash.txt")
FLASHED = [name for name in board.names() if board.load(name).flashing]


def lines(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What --dry-run says for firmware and adapter, with every runner of a board."""
    it, text = board.load(name), ""
    Path("firmware.elf").write_bytes(elf((it.flash.origin, b"firmware")))
    assert it.flashing
    assert it.geometry
    for runner in it.flashing.runners:
        for what in (["firmware.elf"], ["--adapter", "adapter.bin", "--slot", "0"] if it.geometry.slots else None):
            if what:
                assert cli.invoke(["flash", name, *what, "--runner", runner, "--dry-run"]) == 0
                text += re.sub("^", f"{name} {runner}: ", capsys.readouterr().out.rstrip(), flags=re.MULTILINE) + "\n"
    return text


def test_boards(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("adapter.bin").write_bytes(device_bytes())
    got = "".join(lines(name, capsys) for name in FLASHED)
    if request.config.getoption("--update-golden"):
        EXPECTED.write_text(got, encoding="utf-8")
    assert got == EXPECTED.read_text(encoding="utf-8")


def test_every_runner(to: board.Board, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines("tester", capsys).splitlines() == [
        "tester openocd: openocd -f board/st.cfg -c 'program {firmware.elf} verify reset exit'",
        "tester openocd: openocd -f board/st.cfg -c 'program {slot0.bin} verify reset exit 0x0803f000'",
        "tester pyocd: pyocd load --no-wait --target stm32l4 --erase sector --format elf firmware.elf",
        "tester pyocd: pyocd commander --no-wait --target stm32l4 "
        "--command 'compare 0x08000000 \"firmware.bin\"' --command reset",
        "tester pyocd: pyocd load --no-wait --target stm32l4 --erase sector --format bin --base-address 0x0803f000 "
        "slot0.bin",
        "tester pyocd: pyocd commander --no-wait --target stm32l4 "
        "--command 'compare 0x0803f000 \"slot0.bin\"' --command reset",
        "tester west: arm-none-eabi-objcopy -O ihex firmware.elf firmware.hex",
        "tester west: west flash --no-rebuild --runner jlink --hex-file firmware.hex",
        "tester west: arm-none-eabi-objcopy -I binary -O ihex --change-addresses=0x0803f000 slot0.bin slot0.hex",
        "tester west: west flash --no-rebuild --runner jlink --hex-file slot0.hex",
        "tester esptool: esptool --chip esp32s3 elf2image --output firmware.bin firmware.elf",
        "tester esptool: esptool --chip esp32s3 --after hard-reset write-flash 0x8000000 firmware.bin",
        "tester esptool: esptool --chip esp32s3 --after hard-reset write-flash 0x803f000 slot0.bin",
    ]


def test_a_zephyr_build_folder_is_found(to: board.Board, capsys: pytest.CaptureFixture[str]) -> None:
    Path("build/zephyr").mkdir(parents=True)
    Path("firmware.elf").rename("build/zephyr/zephyr.elf")
    assert cli.invoke(["flash", "tester", "build/zephyr/zephyr.elf", "--runner", "west", "--dry-run"]) == 0
    assert "west flash --no-rebuild --build-dir build --runner jlink" in capsys.readouterr().out


@pytest.mark.parametrize("name", FLASHED)
def test_the_script_of_a_board(name: str) -> None:
    path = resources.path("boards") / name / "flash.sh"
    assert path.read_text(encoding="utf-8") == SCRIPT
    assert os.access(path, os.X_OK)


SCRIPT = """#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes a firmware or an adapter to this board: flash.sh ELF, or flash.sh --adapter F --slot N. See `mcuedit flash -h`.
exec mcuedit flash "$(basename "$(cd "$(dirname "$0")" && pwd)")" "$@"
"""
