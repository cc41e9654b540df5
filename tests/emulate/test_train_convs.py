# SPDX-License-Identifier: Apache-2.0
"""Training factors through convolutions on virtual boards: A and B after every step as in numpy."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from helpers.chains import firmware_of, nets, twin_of
from helpers.virtual import needs_qemu

from mcuedit.boards import board
from mcuedit.build.driver import build
from mcuedit.emulate import open_session
from mcuedit.ondevice.factors import FactorOptions

STEPS = 12
CASES = [
    ("unicorn", "virt-m0", "depthwise"),
    ("unicorn", "virt-m4", "convolutions"),
    pytest.param("qemu", "mps3-an547", "convolutions", marks=needs_qemu),
]


@pytest.mark.parametrize(("emulator", "board_name", "name"), CASES)
def test_factors_of_a_few_steps(tmp_path: Path, emulator: str, board_name: str, name: str) -> None:
    twin = twin_of(nets()[name], FactorOptions(rank=3, steps=STEPS))
    built = build(board.load(board_name), firmware_of(twin), None, tmp_path)
    with open_session(emulator, board.load(board_name), built.elf, timeout=120) as session:
        for _ in range(STEPS):
            twin.train_step()
            factors = twin.a.astype("<i2").tobytes() + twin.b.astype("<i2").tobytes()
            assert session.read_line() == f"{zlib.crc32(factors):08x}", twin.step
        assert session.read_line().startswith("end ")
    assert not twin.done
