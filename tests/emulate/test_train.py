# SPDX-License-Identifier: Apache-2.0
"""Training on virtual boards: factors after each of 500 steps as in numpy; bytes, RAM and instructions."""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny, trainer
from helpers.virtual import needs_qemu

from mcuedit import board, codegen, toolchain
from mcuedit.base import Base
from mcuedit.build import build
from mcuedit.codegen import TrainSetup
from mcuedit.codegen.literals import array
from mcuedit.emulate import open_session
from mcuedit.learning import GateTrainer
from mcuedit.learning.plan import gate_macs
from mcuedit.model import parse
from mcuedit.package import decode

STEPS, WIDTH, CLASSES, WANTED = 500, 128, 10, 7
PER_MAC = 4.0  # instructions of a step per multiply-accumulate
CORES = [
    ("unicorn", "virt-m0"),
    ("unicorn", "virt-m4"),
    pytest.param("qemu", "mps3-an547", marks=needs_qemu),
]


def case(steps: int, replay: int = 8) -> tuple[Base, TrainSetup, GateTrainer, dict[str, str]]:
    """A base, how it is trained, the twin, and sources for firmware that trains it."""
    base = Base("net", parse(tiny.classifier((16, WIDTH, CLASSES)), "net"))
    statistics = dataclasses.replace(trainer.statistics(WIDTH), steps=steps)
    x, _ = trainer.rows(WIDTH, 40, 2, 1000)
    corrections, confirmed = x[[0, 2]], x[4::2][:replay]
    confirmed[0] = corrections.mean(axis=0)  # between the two: something pulls at every step
    twin = GateTrainer(statistics, corrections, confirmed)
    setup = TrainSetup(1, 1, replay=replay, replay_changed=replay)
    logits = np.zeros(CLASSES, np.int8)
    logits[4] = 9
    arrays = {"corrections": twin.corrections, "replay": twin.replay, "logits": logits}
    lines = [f"static const int8_t {name}[] = {{\n{array(a)}}};\n" for name, a in arrays.items()]
    sizes = {"WIDTH": WIDTH, "CORRECTIONS": 2, "REPLAY": replay, "WANTED": WANTED, "BUDGET": gate_macs(twin) // 16}
    lines += [f"#define {name} {value}u\n" for name, value in sizes.items()]
    files = codegen.render_base(base) | codegen.render_train(base, statistics, setup)
    main = (Path(__file__).parent / "train.c").read_text(encoding="utf-8")
    return base, setup, twin, files | {"main.c": main, "rows.h": "#include <stdint.h>\n" + "".join(lines)}


@pytest.mark.parametrize(("emulator", "name"), CORES)
def test_factors_of_500_steps(tmp_path: Path, emulator: str, name: str) -> None:
    base, _, twin, files = case(STEPS)
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


@pytest.mark.skipif(toolchain.gcc() is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize("opt", ["2", "s"])
def test_instructions_of_a_step(tmp_path: Path, opt: str) -> None:
    _, _, twin, files = case(2, replay=32)
    built = build(board.load("virt-m4"), files, None, tmp_path, toolchain="gcc", opt=opt, defines=("MCUEDIT_PROBE",))
    with open_session("unicorn", board.load("virt-m4"), built.elf, count=True) as session:
        lines = [session.read_line() for _ in range(4)]
    ticks = int(lines[-1].removeprefix("ticks "))
    print(f"{ticks} instructions, {gate_macs(twin)} MACs, {ticks / gate_macs(twin):.2f} each")
    assert 0.5 < ticks / gate_macs(twin) <= PER_MAC
