# SPDX-License-Identifier: Apache-2.0
"""Private training on virtual boards: masters and B after every step as in numpy."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.deltas import adapter
from helpers.private_case import CLASSES, Twin, examples, frozen, header, xorshift
from helpers.tiny import classifier
from helpers.virtual import needs_qemu

from mcuedit import privacy
from mcuedit.adapter.encoding import encode
from mcuedit.boards import board
from mcuedit.build.driver import build
from mcuedit.emulate import open_session
from mcuedit.model.tflite import parse

SCHEDULE, SEED = privacy.Schedule(60, 50, 20, 0.5), 2463534242
CORES = [
    ("unicorn", "virt-m0"),
    ("unicorn", "virt-m4"),
    pytest.param("qemu", "mps3-an547", marks=needs_qemu),
]


@pytest.mark.parametrize(("emulator", "name"), CORES)
def test_every_step(tmp_path: Path, emulator: str, name: str) -> None:
    model = parse(classifier((24, 16, CLASSES)), "tiny")
    start = frozen(model, [0, 3, 4, 9])
    twin, logits, expected = Twin(start, examples(1, 12), examples(2, 9), SCHEDULE, xorshift(SEED)), [], []
    for _ in range(SCHEDULE.steps):
        logits.append(np.concatenate(twin.logits()))
        twin.step()
        state = twin.masters.masters.astype("<i4").tobytes() + twin.delta.b.tobytes()
        expected.append(f"{zlib.crc32(state):08x}")
    text = header(twin, encode(adapter(model, start), model), np.array(logits), SEED)
    main = Path(__file__).with_name("private.c").read_text(encoding="utf-8")
    built = build(board.load(name), {"main.c": main, "examples.h": text}, None, tmp_path)
    with open_session(emulator, board.load(name), built.elf, timeout=60) as session:
        assert [session.read_line() for _ in expected] == expected
        assert session.read_line() == "end E_STATE"
    assert len(set(expected)) == SCHEDULE.steps
