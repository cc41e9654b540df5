# SPDX-License-Identifier: Apache-2.0
"""Bases with ends of another type, or several of them, with deltas: the same bytes in C as from TFLM and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.rims import TAILS, branching, rimmed, tailed
from helpers.tflm_here import needs_runtime, on_board

from mcuedit.build.options import BuildOptions
from mcuedit.conformance.bytes import random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import runner
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

BASES = {
    "float": rimmed(),
    "uint8": rimmed(("UINT8", 1 / 16, 128), ("UINT8", 1 / 4, 131)),
    "int16 and int32": rimmed("INT16", ("INT32", 1 / 64, 0)),
    "uint8, coarse": rimmed(("UINT8", 1 / 16, 128), ("UINT8", 1.0, 131)),
    "branching": branching(),
    "branching, rims": branching(first="UINT8", last="FLOAT32"),
    "branching, shared": branching(shared=True),
    **{name: tailed(*tail) for name, tail in TAILS.items()},
}
PLACES = [("host", None), ("unicorn", "virt-m0"), ("unicorn", "virt-m4"), ("qemu", "mps3-an547")]


@pytest.mark.parametrize(("emulator", "board"), PLACES)
@pytest.mark.parametrize("name", BASES)
def test_same_bytes_as_tflm(name: str, emulator: str, board: str | None) -> None:
    same(name, RunOptions(emulator, board=board))


@needs_runtime
@pytest.mark.parametrize("name", BASES)
def test_same_bytes_with_the_wrapper_in_tflm(name: str) -> None:
    same(name, RunOptions("host", build=BuildOptions(runtime="tflm")))


@pytest.mark.parametrize(("board", "emulator"), [on_board("mps2-an386", "qemu")])
@pytest.mark.parametrize("name", BASES)
def test_same_bytes_in_firmware_with_tflm(name: str, board: str, emulator: str) -> None:
    same(name, RunOptions(emulator, board=board, build=BuildOptions(runtime="tflm")))


def same(name: str, where: RunOptions) -> None:
    base = runner.as_firmware(Base("net", parse(BASES[name], "net")), where.build.runtime if where.board else "bare")
    made, x = adapters(base.model, 3), random_inputs(base, 8)
    want = runner.expected(base, made, runner.best_oracle(base.model), x)
    np.testing.assert_array_equal(runner.run(base, made, where, inputs=x).outputs, want)
    plain = runner.expected(base, (), runner.best_oracle(base.model), x)
    assert (plain != want).any()
    np.testing.assert_array_equal(runner.run(base, (), where, inputs=x).outputs, plain)
