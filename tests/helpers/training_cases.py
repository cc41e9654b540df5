# SPDX-License-Identifier: Apache-2.0
"""Trainings that have something to do at every step: a twin, and the sources of a firmware that does the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from helpers import tiny, trainer
from mcuedit import codegen
from mcuedit.codegen import FactorSetup, TrainSetup
from mcuedit.codegen.literals import array
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse
from mcuedit.ondevice import GateTrainer
from mcuedit.ondevice.factors import FactorOptions, FactorTrainer
from mcuedit.ondevice.sizes import gate_macs

PROGRAMS = Path(__file__).resolve().parents[1] / "emulate"
GATE_WIDTH, GATE_CLASSES, GATE_WANTED = 128, 10, 7
FACTOR_WIDTHS, FACTOR_OP = (16, 128, 64, 10), 1


def gate_case(steps: int, replay: int = 8) -> tuple[Base, TrainSetup, GateTrainer, dict[str, str]]:
    """A base, how it is trained, the twin, and sources for firmware that trains it."""
    base = Base("net", parse(tiny.classifier((16, GATE_WIDTH, GATE_CLASSES)), "net"))
    statistics = dataclasses.replace(trainer.statistics(GATE_WIDTH), steps=steps)
    x, _ = trainer.rows(GATE_WIDTH, 40, 2, 1000)
    corrections, confirmed = x[[0, 2]], x[4::2][:replay]
    confirmed[0] = corrections.mean(axis=0)  # between the two: something pulls at every step
    twin = GateTrainer(statistics, corrections, confirmed)
    setup = TrainSetup(1, 1, replay=replay, replay_changed=replay)
    logits = np.zeros(GATE_CLASSES, np.int8)
    logits[4] = 9
    arrays = {"corrections": twin.corrections, "replay": twin.replay, "logits": logits}
    lines = [f"static const int8_t {name}[] = {{\n{array(a)}}};\n" for name, a in arrays.items()]
    sizes = {
        "WIDTH": GATE_WIDTH,
        "CORRECTIONS": 2,
        "REPLAY": replay,
        "WANTED": GATE_WANTED,
        "BUDGET": gate_macs(twin) // 16,
    }
    lines += [f"#define {name} {value}u\n" for name, value in sizes.items()]
    files = codegen.render_base(base) | codegen.render_train(base, statistics, setup)
    main = (PROGRAMS / "train.c").read_text(encoding="utf-8")
    return base, setup, twin, files | {"main.c": main, "rows.h": "#include <stdint.h>\n" + "".join(lines)}


def master_bytes(twin: FactorTrainer) -> bytes:
    """A and B as the firmware has them."""
    kind = "<f4" if twin.floats else "<i2"
    return twin.a.astype(kind).tobytes() + twin.b.astype(kind).tobytes()


def factors_case(steps: int, *, stochastic: bool = False, floats: bool = False) -> tuple[FactorTrainer, dict[str, str]]:
    """A twin with more to learn than it has steps for, and sources for firmware that trains it."""
    base = Base("net", parse(tiny.classifier(FACTOR_WIDTHS), "net"))
    options = FactorOptions(steps=steps, stochastic=stochastic)
    setup = FactorSetup(FACTOR_OP, options, corrections=4, replay=32)
    x = np.random.default_rng(5).integers(-128, 128, (36, FACTOR_WIDTHS[FACTOR_OP]), dtype=np.int8)
    wanted = tuple(i % FACTOR_WIDTHS[-1] for i in range(36))
    twin = FactorTrainer(base.model, FACTOR_OP, options, x[:4], wanted[:4], x[4:], wanted[4:], floats=floats)
    arrays = {"corrections": x[:4], "replay": x[4:]}
    lines = [f"static const int8_t {name}[] = {{\n{array(a)}}};\n" for name, a in arrays.items()]
    classes = {"wanted": wanted[:4], "answers": wanted[4:]}
    lines += [
        f"static const uint16_t {name}[] = {{\n{array(np.array(c, np.uint16))}}};\n" for name, c in classes.items()
    ]
    sizes = {"WIDTH": FACTOR_WIDTHS[FACTOR_OP], "CORRECTIONS": 4, "REPLAY": 32}
    lines += [f"#define {name} {value}u\n" for name, value in sizes.items()]
    main = (PROGRAMS / "train_factors.c").read_text(encoding="utf-8")
    files = setup.render_base(base) | codegen.render_factors(base, setup)
    return twin, files | {"main.c": main, "rows.h": "#include <stdint.h>\n" + "".join(lines)}
