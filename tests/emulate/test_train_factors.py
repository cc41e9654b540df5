# SPDX-License-Identifier: Apache-2.0
"""Training factors on virtual boards: A and B after each of 500 steps as in numpy; RAM and instructions."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.virtual import needs_qemu

from mcuedit import board, codegen, toolchain
from mcuedit.base import Base
from mcuedit.build import build
from mcuedit.codegen import FactorSetup
from mcuedit.codegen.literals import array
from mcuedit.emulate import open_session
from mcuedit.learning.factors import FactorOptions, FactorTrainer
from mcuedit.learning.plan import factors_macs, factors_workspace
from mcuedit.model import parse

WIDTHS, OP, STEPS = (16, 128, 64, 10), 1, 500
PER_MAC = {"2": 4.0, "s": 5.0}  # instructions of a step per multiply-accumulate, by the compiler's -O
WORKSPACE = 7 * 1024  # of 4 factors of 128x64 with 32 confirmed inputs
CORES = [
    ("unicorn", "virt-m0"),
    ("unicorn", "virt-m4"),
    pytest.param("qemu", "mps3-an547", marks=needs_qemu),
]


def case() -> tuple[FactorTrainer, dict[str, str]]:
    """A twin with more to learn than it has steps for, and sources for firmware that trains it."""
    base = Base("net", parse(tiny.classifier(WIDTHS), "net"))
    options = FactorOptions(steps=STEPS)
    setup = FactorSetup(OP, options, corrections=4, replay=32)
    x = np.random.default_rng(5).integers(-128, 128, (36, WIDTHS[OP]), dtype=np.int8)
    wanted = tuple(i % WIDTHS[-1] for i in range(36))
    twin = FactorTrainer(base.model, OP, options, x[:4], wanted[:4], x[4:], wanted[4:])
    arrays = {"corrections": x[:4], "replay": x[4:]}
    lines = [f"static const int8_t {name}[] = {{\n{array(a)}}};\n" for name, a in arrays.items()]
    classes = {"wanted": wanted[:4], "answers": wanted[4:]}
    lines += [
        f"static const uint16_t {name}[] = {{\n{array(np.array(c, np.uint16))}}};\n" for name, c in classes.items()
    ]
    sizes = {"WIDTH": WIDTHS[OP], "CORRECTIONS": 4, "REPLAY": 32}
    lines += [f"#define {name} {value}u\n" for name, value in sizes.items()]
    main = (Path(__file__).parent / "train_factors.c").read_text(encoding="utf-8")
    files = setup.render_base(base) | codegen.render_factors(base, setup)
    return twin, files | {"main.c": main, "rows.h": "#include <stdint.h>\n" + "".join(lines)}


@pytest.mark.parametrize(("emulator", "name"), CORES)
def test_factors_of_500_steps(tmp_path: Path, emulator: str, name: str) -> None:
    twin, files = case()
    built = build(board.load(name), files, None, tmp_path)
    with open_session(emulator, board.load(name), built.elf, timeout=120) as session:
        for _ in range(STEPS):
            twin.train_step()
            factors = twin.a.astype("<i2").tobytes() + twin.b.astype("<i2").tobytes()
            assert session.read_line() == f"{zlib.crc32(factors):08x}", twin.step
        assert session.read_line().startswith("end ")
    assert not twin.done


@pytest.mark.skipif(toolchain.gcc() is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize("opt", ["2", "s"])
def test_instructions_of_a_step(tmp_path: Path, opt: str) -> None:
    _, files = case()
    built = build(board.load("virt-m4"), files, None, tmp_path, toolchain="gcc", opt=opt, defines=("MCUEDIT_PROBE",))
    with open_session("unicorn", board.load("virt-m4"), built.elf, count=True, timeout=120) as session:
        while not (line := session.read_line()).startswith("ticks "):
            pass
    macs = 2 * factors_macs([(WIDTHS[i], WIDTHS[i + 1]) for i in (OP, OP + 1)], 4)
    ticks = int(line.removeprefix("ticks "))
    print(f"{ticks} instructions, {macs} MACs, {ticks / macs:.2f} each")
    assert 0.5 < ticks / macs <= PER_MAC[opt]


def test_workspace() -> None:
    assert factors_workspace(128, 64, 4, 64, 64 + 10, 4, 32) <= WORKSPACE
