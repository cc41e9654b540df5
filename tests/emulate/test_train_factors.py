# SPDX-License-Identifier: Apache-2.0
"""Training factors on virtual boards: A and B after each of 500 steps as in numpy; RAM and instructions."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from helpers.training_cases import FACTOR_OP, FACTOR_WIDTHS, factors_case, master_bytes
from helpers.virtual import needs_qemu

from mcuedit.boards import board
from mcuedit.build import compilers
from mcuedit.build.driver import build
from mcuedit.build.options import BuildOptions
from mcuedit.emulate import open_session
from mcuedit.model.adaptable import OpGeometry
from mcuedit.ondevice.sizes import factors_macs, factors_workspace

STEPS = 500
PER_MAC = [  # optimization, option, defines, instructions of a step per multiply-accumulate
    ("2", "", (), 4.0),
    ("s", "", ("MCUEDIT_FAST_MATMUL=1",), 4.0),
    ("s", "", (), 5.0),
    ("2", "floats", ("MCUEDIT_TRAIN_FLOAT",), 5.0),
    ("2", "stochastic", (), 5.6),
]
WORKSPACE = 7 * 1024  # of 4 factors of 128x64 with 32 confirmed inputs
CORES = [
    ("unicorn", "virt-m0", ""),
    ("unicorn", "virt-m4", ""),
    ("unicorn", "virt-m4", "stochastic"),
    ("unicorn", "virt-m4", "floats"),
    pytest.param("qemu", "mps3-an547", "", marks=needs_qemu),
]


@pytest.mark.parametrize(("emulator", "name", "way"), CORES)
def test_factors_of_500_steps(tmp_path: Path, emulator: str, name: str, way: str) -> None:
    twin, files = factors_case(STEPS, **{way: True} if way else {})
    built = build(
        board.load(name), files, None, tmp_path, BuildOptions(defines=("MCUEDIT_TRAIN_FLOAT",) if twin.floats else ())
    )
    with open_session(emulator, board.load(name), built.elf, timeout=120) as session:
        for _ in range(STEPS):
            twin.train_step()
            assert session.read_line() == f"{zlib.crc32(master_bytes(twin)):08x}", twin.step
        assert session.read_line().startswith("end ")
    assert not twin.done


@pytest.mark.skipif(compilers.gcc() is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize(("opt", "way", "defines", "most"), PER_MAC)
def test_instructions_of_a_step(tmp_path: Path, opt: str, way: str, defines: tuple[str, ...], most: float) -> None:
    _, files = factors_case(STEPS, **{way: True} if way else {})
    defines = ("MCUEDIT_TRACE", *defines)
    built = build(board.load("virt-m4"), files, None, tmp_path, BuildOptions(toolchain="gcc", opt=opt, defines=defines))
    with open_session("unicorn", board.load("virt-m4"), built.elf, count=True, timeout=120) as session:
        while not (line := session.read_line()).startswith("ticks "):
            pass
    macs = 2 * factors_macs([(FACTOR_WIDTHS[i], FACTOR_WIDTHS[i + 1]) for i in (FACTOR_OP, FACTOR_OP + 1)], 4)
    ticks = int(line.removeprefix("ticks "))
    print(f"{ticks} instructions, {macs} MACs, {ticks / macs:.2f} each")
    assert 0.5 < ticks / macs <= most


def test_workspace() -> None:
    assert factors_workspace(OpGeometry(128, 64, 1, 0, -128, 127), 4, (64, 10), 4, 32) <= WORKSPACE
