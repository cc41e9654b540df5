# SPDX-License-Identifier: Apache-2.0
"""What the firmware for the base facts may cost: bytes and instructions. Measured with gcc 12."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.virtual import UNICORN_BOARDS, needs_qemu

from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.boards import board
from mcuedit.build import compilers
from mcuedit.build.driver import build
from mcuedit.build.options import BuildOptions
from mcuedit.conformance.bytes import random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import open_session, runner
from mcuedit.emulate.devices.device import Counts
from mcuedit.emulate.devices.firmware import sources
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle as bases
from mcuedit.model import tflite
from mcuedit.model.adaptable import is_adaptable, op_geometry
from mcuedit.model.bundle import Base

GCC = compilers.gcc()
MODELS = Path(__file__).resolve().parents[2].parent / "shared" / "models"
CODE, RAM = 6 * 1024, 4 * 1024  # bytes: without weights, labels and adapters; beyond input and output
CORE = 2 * 1024  # bytes on M4: h, d and the stack; reading an adapter and names of classes are apart
SWAP = 200  # instructions on M4, to another adapter that was opened before
CLOSED, OPEN = 600, 1500  # instructions of one rank-1 edit with a 128-wide tap and two rows
ASKED = 3  # instructions for each output that the second question looks at
FIFTY_CLOSED = 0.05  # of the net
# (n_in, n_out) or net -> instructions of CMSIS-NN under TFLM on M4 and M55; of nets, what ours may take of them
FULLY_CONNECTED = {(256, 128): (69_235, 17_870), (64, 32): (6_115, 2_000)}
NETS = {"kws_ref_model": (7_696_898, 1_812_612), "ad01_int8": (583_428, 150_491)}
SHARE = 0.9
FACTS = (259_104, 84_902)
KWS_CODE = 16 * 1024

pytestmark = pytest.mark.skipif(
    GCC is None or not GCC.version().startswith("12."), reason="arm-none-eabi-gcc 12 is not installed"
)


@pytest.fixture(scope="module")
def base(facts: Path) -> Base:
    return bases.load(facts)


@pytest.mark.parametrize("name", [name for name in UNICORN_BOARDS if name.startswith("virt-")])
def test_bytes(base: Base, tmp_path: Path, name: str) -> None:
    files = sources(base, adapters(base.model, 1))
    built = build(board.load(name), files, "server", tmp_path, BuildOptions(toolchain="gcc", opt="s"))
    assert built.footprint.code_total <= CODE


BESIDE = ["label", "add_served", "take", "give"]  # functions of a context that such a base does not link


def code_size(path: Path) -> int:
    """Bytes of an object's functions but for these."""
    beside = [".text.add_served", *(f".text.mcuedit_context_{name}" for name in BESIDE)]
    with path.open("rb") as file:
        sections = [s for s in ELFFile(file).iter_sections() if s.name.startswith(".text") and s.name not in beside]
        return sum(section["sh_size"] for section in sections)


def test_bytes_of_the_delta_core(base: Base, tmp_path: Path) -> None:
    build(board.load("virt-m4"), sources(base), "server", tmp_path, BuildOptions(toolchain="gcc", opt="s"))
    objects = [tmp_path / f"core_{name}.o" for name in ("delta", "dot", "context", "window")]
    assert 1024 < sum(code_size(path) for path in objects) <= CORE


def test_swap(base: Base, tmp_path: Path) -> None:
    """With a new name for a class each, which the stack compares."""
    edits = [adapter(base.model, edit(base, i, 4, is_open=False), labels={i: "Gitega"}) for i in range(2)]
    files = sources(base, edits) | {"swap.c": (Path(__file__).parent / "swap.c").read_text()}
    m4 = board.load("virt-m4")
    built = build(m4, files, None, tmp_path, BuildOptions(toolchain="gcc", defines=("MCUEDIT_TRACE",)))
    with open_session("unicorn", m4, built.elf, timeout=5.0, count=True) as session:
        *ticks, said = session.read_line().split()
    before, start, end = map(int, ticks)
    assert said == "swapped"
    swap = (end - start - (start - before)) / m4.emulators["unicorn"].ticks_per_instruction
    assert 10 < swap <= SWAP, swap


def test_ram(base: Base) -> None:
    inputs = random_inputs(base, 1)
    result = runner.run(
        base,
        adapters(base.model, 2),
        RunOptions(build=BuildOptions(toolchain="gcc", opt="s")),
        prompts=[255 * "x"],
        inputs=inputs,
    )
    assert result.footprint is not None
    assert result.peak_stack is not None
    used = result.footprint.data + result.footprint.bss + result.peak_stack
    assert used - base.model.input.size - base.model.output.size <= RAM


def edit(base: Base, seed: int, bits: int, *, is_open: bool) -> Delta:
    """Always open or never."""
    able = [op.index for op in base.model.ops if is_adaptable(base.model, op)]
    tap = next(index for index in reversed(able) if op_geometry(base.model, index).n_in == 128)
    made = delta(base.model, tap, able[-1], bits=bits, seed=seed)
    beyond = 1 << 22 if bits == 8 else 1 << 18  # any sum over A and x
    return dataclasses.replace(made, c=np.array([beyond if is_open else -beyond]))


def count(base: Base, loaded: Sequence[Adapter]) -> Counts:
    counts = runner.run(
        base, loaded, RunOptions(count=True, build=BuildOptions(toolchain="gcc")), inputs=random_inputs(base, 1)
    ).instructions
    assert counts is not None
    return counts


@pytest.mark.parametrize("bits", [8, 4])
def test_instructions(base: Base, bits: int) -> None:
    none = count(base, [])
    closed = count(base, [adapter(base.model, edit(base, 1, bits, is_open=False))])
    opened = count(base, [adapter(base.model, edit(base, 1, bits, is_open=True))])
    fifty = count(base, [adapter(base.model, edit(base, i, bits, is_open=False)) for i in range(50)])
    assert none.delta < closed.delta <= CLOSED
    assert closed.delta < opened.delta <= OPEN
    asks = dataclasses.replace(edit(base, 1, bits, is_open=False), conditional=True)
    assert count(base, [adapter(base.model, asks)]).delta == closed.delta  # a shut gate asks nothing
    asks = dataclasses.replace(edit(base, 1, bits, is_open=True), conditional=True)
    assert opened.delta < count(base, [adapter(base.model, asks)]).delta <= OPEN + ASKED * base.model.output.size
    assert fifty.delta <= FIFTY_CLOSED * sum(none.ops.values())


def total(base: Base, emulator: str, name: str) -> int:
    counts = runner.run(
        base,
        options=RunOptions(emulator=emulator, board=name, count=True, build=BuildOptions(toolchain="gcc")),
        inputs=random_inputs(base, 1),
    ).instructions
    assert counts is not None
    return sum(counts.ops.values())


CORES = [
    ("unicorn", "virt-m4", 0),
    pytest.param("qemu", "mps3-an547", 1, marks=needs_qemu),
]


@pytest.mark.parametrize(("emulator", "name", "bar"), CORES)
def test_fully_connected(emulator: str, name: str, bar: int) -> None:
    for widths, bars in FULLY_CONNECTED.items():
        net = Base("net", tflite.parse(tiny.classifier(widths, softmax=False), "net"))
        assert total(net, emulator, name) <= bars[bar], widths


@pytest.mark.parametrize(("emulator", "name", "bar"), CORES)
def test_whole_nets(base: Base, emulator: str, name: str, bar: int) -> None:
    assert total(base, emulator, name) <= FACTS[bar]
    for net, bars in NETS.items():
        path = MODELS / f"{net}.tflite"
        if not path.is_file():
            pytest.skip(f"{path} is not there")
        assert total(bases.load(path), emulator, name) <= SHARE * bars[bar], net


@pytest.mark.parametrize("name", ["virt-m4", "mps3-an547"])
def test_code_of_a_convolutional_net(name: str, tmp_path: Path) -> None:
    path = MODELS / "kws_ref_model.tflite"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    built = build(board.load(name), sources(bases.load(path)), "server", tmp_path, BuildOptions(toolchain="gcc"))
    assert built.footprint.code_total <= KWS_CODE
