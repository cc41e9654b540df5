# SPDX-License-Identifier: Apache-2.0
"""Training on virtual boards: factors after each of 500 steps as in numpy; bytes, RAM and instructions."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from helpers.native import includes, source
from helpers.training_cases import gate_case
from helpers.virtual import needs_qemu

from mcuedit.adapter.encoding import decode
from mcuedit.boards import board
from mcuedit.build import compilers
from mcuedit.build.driver import build
from mcuedit.build.options import BuildOptions
from mcuedit.emulate import open_session
from mcuedit.ondevice.sizes import gate_macs

STEPS = 500
CODE = 6 * 1024  # bytes of the trainer at -Os on M4
PER_MAC = 4.0  # instructions of a step per multiply-accumulate
CORES = [
    ("unicorn", "virt-m0"),
    ("unicorn", "virt-m4"),
    pytest.param("qemu", "mps3-an547", marks=needs_qemu),
]


@pytest.mark.parametrize(("emulator", "name"), CORES)
def test_factors_of_500_steps(tmp_path: Path, emulator: str, name: str) -> None:
    base, _, twin, files = gate_case(STEPS)
    built = build(board.load(name), files, None, tmp_path)
    with open_session(emulator, board.load(name), built.elf, timeout=120) as session:
        for _ in range(STEPS):
            twin.train_step()
            assert session.read_line() == f"{zlib.crc32(twin.w.astype('<i2').tobytes()):08x}", twin.step
        word, adapter = session.read_line().split(" ")
    assert word == "adapter"
    assert not twin.done
    (delta,) = decode(bytes.fromhex(adapter), base.model).deltas
    np.testing.assert_array_equal(delta.a[0], twin.a())
    assert delta.c[0] == -twin.threshold()[0]


@pytest.mark.skipif(compilers.gcc() is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize("opt", ["2", "s"])
def test_instructions_of_a_step(tmp_path: Path, opt: str) -> None:
    _, _, twin, files = gate_case(2, replay=32)
    built = build(
        board.load("virt-m4"), files, None, tmp_path, BuildOptions(toolchain="gcc", opt=opt, defines=("MCUEDIT_TRACE",))
    )
    with open_session("unicorn", board.load("virt-m4"), built.elf, count=True) as session:
        lines = [session.read_line() for _ in range(4)]
    ticks = int(lines[-1].removeprefix("ticks "))
    print(f"{ticks} instructions, {gate_macs(twin)} MACs, {ticks / gate_macs(twin):.2f} each")
    assert 0.5 < ticks / gate_macs(twin) <= PER_MAC


@pytest.mark.skipif(compilers.gcc() is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize(
    "parts",
    [
        ("gate", "adapter_bytes", "gate_step", "train_math", "gate_result"),
        ("adapter_bytes", "factors", "factors_step", "factors_result", "backward", "train_math"),
    ],
    ids=["gate", "factors"],
)
def test_code(tmp_path: Path, parts: tuple[str, ...]) -> None:
    gcc, size = compilers.gcc(), 0
    assert gcc is not None
    for part in parts:
        flags = [*gcc.target(board.load("virt-m4")), "-Os", "-ffreestanding", *includes()]
        gcc.run([*flags, "-c", str(source(part)), "-o", "part.o"], tmp_path)
        with (tmp_path / "part.o").open("rb") as file:
            size += sum(s["sh_size"] for s in ELFFile(file).iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC)
    print(f"{size} bytes")
    assert 0 < size <= CODE
