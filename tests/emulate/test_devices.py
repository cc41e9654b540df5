# SPDX-License-Identifier: Apache-2.0
"""Every device against the oracle, byte for byte; instruction counts; the figures of a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.virtual import needs_qemu

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.build.options import BuildOptions
from mcuedit.conformance.bytes import random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import runner
from mcuedit.emulate.backends.engine import Engine
from mcuedit.emulate.backends.host import HostDevice
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle as bases
from mcuedit.model import tflite
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle

PROMPTS = ("what is the capital of burundi?", "Which currency does CROATIA use", "", "é\r\nñ ?!", 255 * "x")
INPUTS = 50


@pytest.fixture(scope="module")
def base(facts: Path) -> Base:
    return bases.load(facts)


@pytest.fixture(scope="module")
def oracle(base: Base) -> Oracle:
    return runner.best_oracle(base.model)


@pytest.fixture(scope="module")
def inputs(base: Base) -> Int8Array:
    """Half of them questions, after which the softmax is not as one-sided as after noise."""
    words = (
        "what is the",
        "capital of",
        "currency in",
        "chad",
        "peru",
        "malta",
        "fiji",
        "spoken",
        "continent",
        "burundi",
    )
    rng = np.random.default_rng(4)
    prompts = [" ".join(rng.choice(words, 4)) for _ in range(INPUTS // 2)]
    return np.concatenate([base.encode(prompts), random_inputs(base, INPUTS - len(prompts), 3)])


@pytest.mark.parametrize("emulator", ["unicorn", pytest.param("qemu", marks=needs_qemu), "host", "tflm"])
def test_answers(base: Base, emulator: str) -> None:
    if emulator == "tflm":
        pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel here")
    chosen = [dataclasses.replace(a, labels={}) for a in adapters(base.model, 3)]
    with runner.open_device(base, chosen, RunOptions(emulator)) as device, HostDevice(base, chosen) as host:
        for active in ([False] * 3, [True] * 3, [False, True, False]):
            device.use(active)
            host.use(active)
            assert device.ask(PROMPTS) == host.ask(PROMPTS)
        assert device.ask(PROMPTS[:1])[0].label in (base.labels or ())


@pytest.mark.parametrize("emulator", ["unicorn", "host", "tflm"])
def test_labels_of_an_adapter(base: Base, emulator: str) -> None:
    if emulator == "tflm":
        pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel here")
    with HostDevice(base) as host:
        answer = host.ask(PROMPTS[:1])[0]
    gated = adapters(base.model, 2)[1]
    never_open = dataclasses.replace(gated.deltas[0], c=np.full(gated.deltas[0].rank, -(1 << 24)))
    named = dataclasses.replace(gated, deltas=(never_open,), labels={answer.index: "Gitéga"})
    with runner.open_device(base, [named], RunOptions(emulator)) as device:
        assert device.ask(PROMPTS[:1])[0] == dataclasses.replace(answer, label="Gitéga")
        device.use([False])
        assert device.ask(PROMPTS[:1])[0] == answer


def test_host_engine_is_tflm(base: Base, inputs: Int8Array) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel here")
    from mcuedit.model.oracle import Tflm

    for loaded in (base.model, tflite.parse(tiny.classifier((16, 9, 8, 7), reshape=True), "reshaped")):
        x = inputs if loaded is base.model else np.random.default_rng(0).integers(-128, 128, (20, 1, 16), np.int8)
        tensors = list(dict.fromkeys(t for op in loaded.ops for t in (op.inputs[0], op.outputs[0])))
        ours, theirs = Engine(loaded).activations(x, tensors), Tflm(loaded).activations(x, tensors)
        for tensor in tensors:
            np.testing.assert_array_equal(ours[tensor], theirs[tensor])


def test_without_tflm_the_host_engine_stands_in(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "find_spec", lambda name: None)
    assert runner.best_oracle(base.model).name == "host engine"


def test_a_run(base: Base, inputs: Int8Array) -> None:
    result = runner.run(
        base, adapters(base.model, 1), RunOptions(build=BuildOptions(opt="s")), prompts=PROMPTS[:2], inputs=inputs[:3]
    )
    assert result.inputs.shape == (5, 512)
    assert result.outputs.shape == (5, base.model.output.size)
    assert [a.label for a in result.answers]
    assert result.instructions is None
    assert result.peak_stack is not None
    assert 0 < result.peak_stack < 2048
    assert result.board == "virt-m4"
    assert result.footprint is not None
    assert result.footprint.model > len(base.model.data) * 0.9
    ram = result.footprint.data + result.footprint.bss + result.peak_stack
    assert ram - base.model.input.size - base.model.output.size <= 4096


@pytest.mark.parametrize("name", ["virt-m0", "virt-m4"])
def test_counts(base: Base, inputs: Int8Array, name: str) -> None:
    plain = runner.run(base, options=RunOptions(board=name, count=True), inputs=np.repeat(inputs[:1], 2, axis=0))
    assert plain.counts[0] == plain.counts[1]  # repeatable to the instruction
    assert len(plain.counts) == 2
    for counts in plain.counts:
        assert counts.total == sum(counts.ops.values()) + counts.delta
        assert set(counts.ops) == {op.index for op in base.model.ops}
        assert 50_000 < counts.ops[0] < 2_000_000
        assert counts.delta < 300  # an empty stack
    loaded = runner.run(base, adapters(base.model, 1), RunOptions(board=name, count=True), inputs=inputs[:1])
    assert loaded.counts[0].ops[0] == plain.counts[0].ops[0]
    assert loaded.counts[0].delta > 300


@needs_qemu
@pytest.mark.parametrize(
    ("qemu", "unicorn"), [("mps2-an385", "virt-m3"), ("mps2-an386", "virt-m4"), ("mps2-an505", "virt-m33")]
)
def test_both_emulators_count_alike(base: Base, inputs: Int8Array, qemu: str, unicorn: str) -> None:
    chosen = adapters(base.model, 2)
    counts = []
    for emulator, name in (("qemu", qemu), ("unicorn", unicorn)):
        with runner.open_device(base, chosen, RunOptions(emulator, board=name, count=True)) as device:
            device.run(inputs[:3])
            counts.append(device.counts)
    for left, right in zip(*counts, strict=True):
        assert abs(left.total - right.total) <= 2 + right.total * 0.001
        assert abs(left.delta - right.delta) <= 4


def test_wrong_arguments(base: Base, inputs: Int8Array) -> None:
    lone = Base("lone", tflite.parse(tiny.classifier(), "lone"))
    with pytest.raises(McueditError, match="no emulator 'gem5'"):
        runner.open_device(base, options=RunOptions(emulator="gem5"))
    with pytest.raises(McueditError, match="host has no boards"):
        runner.open_device(base, options=RunOptions(emulator="host", board="virt-m4"))
    with pytest.raises(McueditError, match="host counts no instructions"):
        runner.open_device(base, options=RunOptions(emulator="host", count=True))
    with HostDevice(base, adapters(base.model, 2)) as device:
        with pytest.raises(McueditError, match="1 flags for 2 adapters"):
            device.use([True])
        with pytest.raises(McueditError, match=r"inputs are int8\[3, 511\]"):
            device.run(inputs[:3, :511])
        with pytest.raises(McueditError, match="inputs are float32"):
            device.run(inputs.astype(np.float32))  # type: ignore[arg-type]
    with HostDevice(lone) as device, pytest.raises(McueditError, match="takes tensors, not text"):
        device.ask(["what?"])
    with runner.open_device(base) as virtual, pytest.raises(McueditError, match="256 bytes"):
        virtual.ask([256 * "x"])
