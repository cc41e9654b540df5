# SPDX-License-Identifier: Apache-2.0
"""Firmware with TensorFlow Lite Micro: the same bytes as everywhere, and what the wrapper costs, by gcc 12."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.scales import X, telling
from helpers.tflm_here import BOARDS, needs_m4, needs_runtime, stock

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.boards import board
from mcuedit.build.options import BuildOptions
from mcuedit.codegen.tflm_arena import arena_size
from mcuedit.conformance.bytes import Scope, Sweep, random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import runner
from mcuedit.emulate.devices.firmware import build_app
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle as bases
from mcuedit.model.adaptable import is_adaptable
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

DATA = Path(__file__).resolve().parents[2] / "mcuedit" / "zoo" / "data"
GLUE = 1536  # bytes of flash, for FULLY_CONNECTED and CONV_2D
PER_OP = 64  # bytes of the arena
CLOSED = 350  # instructions beyond those of the stock kernel
IDLE = 60  # the same of an op while nothing is active


@pytest.mark.parametrize(("name", "emulator"), BOARDS)
@pytest.mark.parametrize("base", ["digits", "facts"])
def test_bytes(base: str, name: str, emulator: str) -> None:
    found = bases.load(DATA / base)
    rows = Sweep(
        found,
        random_inputs(found, 50),
        Scope(emulators=(emulator,), boards=(name,)),
        options=BuildOptions(runtime="tflm"),
    ).rows()
    assert [(row.adapters, row.inputs, row.differing_bytes) for row in rows] == [(0, 50, 0), (1, 50, 0), (10, 50, 0)]


@pytest.mark.parametrize(("name", "emulator"), BOARDS)
def test_answers_are_read_from_logits_that_are_no_output(name: str, emulator: str) -> None:
    found, prompts = bases.load(DATA / "facts"), ["what is the capital of burundi?", "what is the capital of chad?"]
    where = RunOptions(emulator=emulator, board=name, build=BuildOptions(runtime="tflm"))
    assert [answer.label for answer in runner.run(found, (), where, prompts=prompts).answers] == [
        "bujumbura",
        "n'djamena",
    ]


@pytest.mark.parametrize(("name", "emulator"), [pytest.param("", "host", marks=needs_runtime), *BOARDS])
def test_windows_of_a(name: str, emulator: str) -> None:
    found = bases.load(DATA / "digits")
    convolution, last = (
        next(op.index for op in ops if is_adaptable(found.model, op))
        for ops in (found.model.ops, found.model.ops[::-1])
    )
    made = (
        delta(found.model, last, last, gated=False, bits=4, width=40),
        delta(found.model, convolution, convolution, width=4),
    )
    loaded, x = [adapter(found.model, *sorted(made, key=lambda d: d.target))], random_inputs(found, 20)
    where = RunOptions(emulator=emulator, board=name or None, build=BuildOptions(runtime="tflm"))
    got = runner.run(found, loaded, where, inputs=x).outputs
    np.testing.assert_array_equal(got, runner.expected(found, loaded, runner.best_oracle(found.model), x))


@pytest.mark.parametrize(("name", "emulator"), BOARDS)
def test_scales_of_the_tree(name: str, emulator: str) -> None:
    """A base on which it shows whether the tree takes ratios of scales in float: expected is what its source says."""
    found = Base("net", telling("FULLY_CONNECTED"))
    rows = Sweep(found, X, Scope(emulators=(emulator,), boards=(name,)), options=BuildOptions(runtime="tflm")).rows()
    assert [row.differing_bytes for row in rows] == [0, 0, 0]
    firmware = runner.as_firmware(found, "tflm")
    rows = Sweep(firmware, X, Scope(emulators=("unicorn",), boards=("virt-m4",))).rows()
    assert [row.differing_bytes for row in rows] == [0, 0, 0]


@needs_m4
@needs_runtime
def test_host_and_board_may_take_other_scales() -> None:
    """One sweep over both: the runtime on this machine computes in double whatever the tree does."""
    found = Base("net", telling("FULLY_CONNECTED"))
    sweep = Sweep(
        found,
        X,
        Scope(
            active_sets=(0, 1),
            emulators=(
                "host",
                "qemu",
            ),
            boards=("mps2-an386",),
        ),
        options=BuildOptions(runtime="tflm"),
    )
    assert [(row.emulator, row.skipped, row.differing_bytes) for row in sweep.rows()] == [
        (emulator, "", 0) for emulator in ("host", "qemu") for _ in range(2)
    ]


@pytest.mark.parametrize(("name", "emulator"), BOARDS)
def test_arena_suffices(name: str, emulator: str) -> None:
    found = bases.load(DATA / "digits")
    x = random_inputs(found, 1)
    result = runner.run(
        found,
        adapters(found.model, 2),
        RunOptions(emulator=emulator, board=name, build=BuildOptions(runtime="tflm")),
        inputs=x,
    )
    assert result.arena is not None
    assert 0 < result.arena <= arena_size(found.model) < 2 * result.arena + 4096


def net() -> Base:
    return Base("net", parse(tiny.classifier((64, 32)), "net"))


def edit(base: Base, *, is_open: bool) -> Adapter:
    made = delta(base.model, 0, 0)
    return adapter(base.model, dataclasses.replace(made, c=np.array([(1 << 22) * (1 if is_open else -1)])))


def counted(base: Base, *chosen: Adapter) -> runner.Result:
    x = random_inputs(base, 1)
    return runner.run(
        base,
        chosen,
        RunOptions(
            emulator="qemu", board="mps2-an386", count=True, build=BuildOptions(runtime="tflm", toolchain="gcc")
        ),
        inputs=x,
    )


@needs_m4
def test_instructions_and_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    base = net()
    none, closed, opened = (
        counted(base, *chosen) for chosen in ((), (edit(base, is_open=False),), (edit(base, is_open=True),))
    )
    assert none.instructions is not None
    assert closed.instructions is not None
    assert opened.instructions is not None
    assert 0 < closed.instructions.delta < opened.instructions.delta
    files = stock(dataclasses.replace(base, name="base"))
    monkeypatch.setattr(codegen, "render_tflm_base", lambda _: files)
    bare = counted(base)
    assert bare.instructions is not None
    assert bare.arena is not None
    assert none.arena is not None
    assert none.arena - bare.arena <= PER_OP
    assert none.instructions.total - bare.instructions.total <= IDLE
    assert closed.instructions.total - bare.instructions.total <= CLOSED


@needs_m4
def test_flash(tmp_path: Path) -> None:
    base = bases.load(DATA / "digits")
    built = build_app(
        "server",
        base,
        adapters(base.model, 2),
        board.load("mps2-an386"),
        tmp_path,
        BuildOptions(runtime="tflm", opt="s"),
    )
    listed = subprocess.run(["arm-none-eabi-nm", "-SC", built.elf], capture_output=True, text=True, check=True).stdout
    sizes = re.findall(r"^\w+ (\w+) [tTwW] (mcuedit::|mcuedit_tflm_)", listed, re.MULTILINE)
    assert 0 < sum(int(size, 16) for size, _ in sizes) <= GLUE


@needs_m4
def test_another_model_in_flash_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    base = net()
    files = codegen.render_tflm_base(dataclasses.replace(base, name="base"))
    first = files["base_model.c"].index("= {\n    ") + len("= {\n    ")
    files["base_model.c"] = files["base_model.c"][:first] + "1" + files["base_model.c"][first:]
    monkeypatch.setattr(codegen, "render_tflm_base", lambda _: files)
    with pytest.raises(McueditError, match="error E_BASE"):
        counted(base)


@needs_m4
def test_too_small_an_arena_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    base = net()
    files = codegen.render_tflm_base(dataclasses.replace(base, name="base"))
    files["base.h"] = re.sub(r"(_ARENA_SIZE) \d+", r"\1 256", files["base.h"])
    monkeypatch.setattr(codegen, "render_tflm_base", lambda _: files)
    with pytest.raises(McueditError, match=r"error E_RUNTIME|Failed"):
        counted(base)
