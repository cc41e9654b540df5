# SPDX-License-Identifier: Apache-2.0
"""Training beside TFLM: what is emitted for it trains as the bare runtime's does, and what TFLM's runtime keeps."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny, trainer
from helpers.native import WARNINGS, Native, link, reference
from helpers.tflm_here import needs_runtime
from helpers.trainer import MORE, FactorsInC, Trainer

from mcuedit._util.atomic import write_folder
from mcuedit.codegen import FactorSetup, TrainSetup, emission
from mcuedit.conformance.bytes import random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate.backends.plugin import PluginDevice
from mcuedit.model import bundle as bases
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model, parse
from mcuedit.ondevice.factors import FactorOptions
from mcuedit.zoo import digits_data

TAP, TARGET, WANTED = 1, 2, 3
WIDTHS = (16, 24, 20, 8)
ROOM = (2, 8)


@pytest.fixture(scope="module")
def base() -> Base:
    return Base("net", parse(tiny.classifier(WIDTHS), "net"))


@pytest.fixture(scope="module")
def device(base: Base) -> PluginDevice:
    """With ten adapters that may be active."""
    return PluginDevice(base, adapters(base.model, 10))


def kept(model: Model, op: int, x: np.ndarray) -> np.ndarray:
    """The op's input in an inference of the bare runtime: int8[n, size]."""
    return reference(model, [], x)[model.ops[op].inputs[0]].reshape(len(x), -1)


def gate(made: Trainer, rows: np.ndarray, logits: np.ndarray) -> bytes | str:
    """Two corrections, then confirmed inputs, to the adapter."""
    assert made.init() == 0
    for row in rows[2:]:
        assert made.confirm(row) == 0
    for row, found in zip(rows[:2], logits, strict=False):
        assert made.correct(row, found, WANTED) == 0
    while (code := made.step(10_000)) == MORE:
        pass
    return made.result() if code == 0 else str(code)


def inputs(base: Base) -> np.ndarray:
    """Two wordings of one input, then eight others."""
    x = random_inputs(base, 9)
    return np.concatenate([x[:1], np.clip(x[:1].astype(int) + 2, -128, 127).astype(np.int8), x[1:]])


@needs_runtime
def test_a_gate_from_rows_of_tflm(base: Base, device: PluginDevice, tmp_path: Path) -> None:
    native, x = Native(base, tmp_path, "train"), inputs(base)
    made = Trainer(native, trainer.statistics(WIDTHS[TAP]), TAP, TARGET, ROOM)
    values = reference(base.model, [], x)
    rows, logits = kept(base.model, TAP, x), values[base.model.ops[TARGET].outputs[0]].reshape(len(x), -1)
    device.use([False] * 10)
    assert device.watch(TAP, TARGET, WIDTHS[TAP] + WIDTHS[TARGET + 1]) == "OK"
    assert device.take() == "E_STATE"  # nothing ran
    found = []
    for row in x:
        device.run(row[None])
        taken = device.take()
        assert not isinstance(taken, str), taken
        found.append(taken)
    assert device.take() == "E_STATE"  # once
    by_tflm = np.stack(found)
    np.testing.assert_array_equal(by_tflm, np.concatenate([rows, logits], axis=1))
    adapter = gate(made, by_tflm[:, : WIDTHS[TAP]], by_tflm[:, WIDTHS[TAP] :])
    assert isinstance(adapter, bytes), adapter
    assert adapter == gate(made, rows, logits)


@needs_runtime
def test_logits_are_those_with_deltas(base: Base, device: PluginDevice) -> None:
    chosen, x = adapters(base.model, 10), random_inputs(base, 1)
    last = base.model.ops[TARGET].outputs[0]
    assert device.watch(TARGET, TARGET, WIDTHS[TARGET] + WIDTHS[TARGET + 1]) == "OK"
    device.use([True] * 10)
    device.run(x)
    taken = device.take()
    want = reference(base.model, chosen, x)
    assert not isinstance(taken, str), taken
    np.testing.assert_array_equal(taken[WIDTHS[TARGET] :], want[last].reshape(-1))
    assert (want[last] != reference(base.model, [], x)[last]).any()


@needs_runtime
def test_convolutions_whole_inputs() -> None:
    base = bases.load(digits_data.DATA)
    x = random_inputs(base, 1)
    windows = set()
    with PluginDevice(base, []) as device:
        for op in base.model.ops:
            if op.kind != "CONV_2D":
                continue
            windows.add(op_geometry(base.model, op.index).window is None)
            want = kept(base.model, op.index, x)[0]
            assert device.watch(op.index, None, want.size) == "OK"
            device.run(x)
            np.testing.assert_array_equal(device.take(), want)
    assert windows == {False, True}


@needs_runtime
def test_what_cannot_be_watched(base: Base, device: PluginDevice) -> None:
    size, softmax = WIDTHS[TAP] + WIDTHS[TARGET + 1], len(base.model.ops) - 1
    assert device.watch(TAP, TARGET, size - 1) == "E_CAPACITY"
    assert device.watch(TAP, softmax, size) == "E_GEOMETRY"
    assert device.watch(softmax, None, size) == "E_GEOMETRY"
    assert device.watch(TARGET, TAP, 1 << 10) == "E_GEOMETRY"
    assert device.watch(TAP, 99, size) == "E_GEOMETRY"


@needs_runtime
def test_rows_of_another_model_are_not_taken(base: Base) -> None:
    with PluginDevice(base, [], data=base.model.data + b"\0") as device:
        assert device.watch(TAP, None, WIDTHS[TAP]) == "OK"
        device.run(random_inputs(base, 1))
        assert device.take() == "E_BASE"


class Emitted:
    """All C of an emitted folder for TFLM, which takes no TFLM: a library for ctypes."""

    def __init__(self, folder: Path) -> None:
        private = [f"-I{folder / 'mcuedit' / name}" for name in ("include", "tflm")]
        flags = [*WARNINGS, "-O1", "-shared", "-fPIC", f"-I{folder}", *private]
        self.lib = ctypes.CDLL(str(link(folder, folder.rglob("*.c"), *flags, output="trained.so")))
        self.lib.mcuedit_error_name.restype = ctypes.c_char_p
        self.symbol = "net"

    def name(self, code: int) -> str:
        return str(self.lib.mcuedit_error_name(code).decode())


def test_an_emitted_gate(base: Base, tmp_path: Path) -> None:
    """The same adapter as beside the bare runtime."""
    statistics = trainer.statistics(WIDTHS[TAP])
    x = inputs(base)
    rows, logits = kept(base.model, TAP, x), np.zeros((2, WIDTHS[-1]), np.int8)
    logits[:, 1] = 9
    setup = TrainSetup(TAP, TARGET, *ROOM)
    write_folder(tmp_path / "out", emission.emit(base, runtime="tflm", gate=(statistics, setup)))
    assert f"_TRAIN_WATCH {WIDTHS[TAP] + WIDTHS[TARGET + 1]}\n" in (tmp_path / "out" / "net_train.h").read_text()
    assert "WrapWatched<" in (tmp_path / "out" / "net_resolver.h").read_text()
    found = Emitted(tmp_path / "out")
    made = Trainer(found, statistics, TAP, TARGET, ROOM)
    made.take_config(ctypes.addressof(ctypes.c_char.in_dll(found.lib, "net_train")))
    adapter = gate(made, rows, logits)
    assert isinstance(adapter, bytes), adapter
    bare = Trainer(Native(base, tmp_path / "bare", "train"), statistics, TAP, TARGET, ROOM)
    assert adapter == gate(bare, rows, logits)


@pytest.mark.parametrize("op", [0, 1])
def test_emitted_factors(base: Base, tmp_path: Path, op: int) -> None:
    """The same factors as beside the bare runtime: the ops behind come along."""
    options = FactorOptions(rank=2, steps=60)
    setup = FactorSetup(op, options, *ROOM)
    bare = FactorsInC(base, op, options, ROOM, tmp_path)
    write_folder(tmp_path / "out", emission.emit(base, runtime="tflm", factors=setup))
    assert f"_FACTORS_WATCH {WIDTHS[op]}\n" in (tmp_path / "out" / "net_factors.h").read_text()
    x = kept(base.model, op, random_inputs(base, 8))
    there = bare.in_library(Emitted(tmp_path / "out").lib)
    for made in (bare, there):
        assert made.init() == 0
        for i, row in enumerate(x):
            assert (made.correct(row, i) if i < 2 else made.confirm(row, i)) == 0
        while made.step(1 << 20) == MORE:
            pass
    assert np.abs(bare.b).max() > 0
    np.testing.assert_array_equal(there.a, bare.a)
    np.testing.assert_array_equal(there.b, bare.b)


def test_both_at_once_and_none(base: Base) -> None:
    chosen = (trainer.statistics(WIDTHS[TAP]), TrainSetup(TAP, TARGET))
    made = emission.emit(base, runtime="tflm", gate=chosen, factors=FactorSetup(1))
    assert {"net_train.c", "net_factors.c", "net_ops.c", "mcuedit/train/gate.c", "mcuedit/kernels/conv.c"} <= set(made)
    plain = emission.emit(base, runtime="tflm")
    assert not any(name.startswith(("net_train", "net_ops", "mcuedit/train", "mcuedit/engine")) for name in plain)
    assert b"Watched" not in plain["net_resolver.h"]
