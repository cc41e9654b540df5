# SPDX-License-Identifier: Apache-2.0
"""Ratios of scales in float and in double: models on which the two give other bytes, and who takes which."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers.scales import KINDS, WIDTH, X, in_float, outputs, telling

from mcuedit._util.errors import McueditError
from mcuedit.build.external import tflm
from mcuedit.cli import invoke
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import runner
from mcuedit.emulate.backends.engine import Engine
from mcuedit.emulate.backends.host import HostDevice
from mcuedit.model import ops
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm
from mcuedit.model.scales import FLOAT_KINDS, matter, ratios
from mcuedit.model.tflite import parse


@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_follows_numpy(kind: str) -> None:
    double, single = telling(kind), in_float(telling(kind))
    for model in double, single:
        assert Engine(model).run(X).tolist() == outputs(model).reshape(256, -1).tolist()
    assert matter(single)
    assert not matter(double)
    assert not matter(in_float(double, FLOAT_KINDS - {kind}))


@pytest.mark.skipif(find_spec("tflite_micro") is None, reason="tflite-micro has no wheel for this platform")
@pytest.mark.parametrize("kind", KINDS)
def test_the_pinned_runtime_takes_doubles(kind: str) -> None:
    model = telling(kind)
    y = model.outputs[0]
    assert Tflm(model).activations(X, [y])[y].tolist() == outputs(model).tolist()
    assert isinstance(runner.best_oracle(model), Tflm)
    assert runner.best_oracle(in_float(model)).name == "host engine, scales in float"


def test_emitted_c_follows_numpy() -> None:
    model = in_float(telling("FULLY_CONNECTED"))
    base = Base("net", model)
    edits = adapters(model, 1)
    with HostDevice(base, edits) as device:
        for n in (0, 1):
            device.use([n > 0])
            expected = runner.expected(base, edits[:n], runner.best_oracle(model), X)
            assert device.run(X).tolist() == expected.tolist()
        assert (
            expected != runner.expected(runner.with_scales(base, ()), edits, Engine(telling("FULLY_CONNECTED")), X)
        ).any()


def test_a_scale_for_each_channel_is_taken_in_double() -> None:
    build = NetBuilder()
    x = build.tensor("x", [1, WIDTH], 0.1, 0)
    w = build.constant("w", np.eye(WIDTH, dtype=np.int8), np.array([0.1, 0.2, 0.3, 0.7], np.float32))
    y = build.tensor("y", [1, WIDTH], 0.3, 0)
    build.op("FULLY_CONNECTED", [x, w, -1], y)
    model = parse(build.pack(x, y))
    assert ratios(in_float(model), model.ops[0]) == ratios(model, model.ops[0])


def test_what_float_cannot_hold_is_named() -> None:
    build = NetBuilder()
    x = build.tensor("x", [1, WIDTH], 1e30, 0)
    w = build.constant("w", np.eye(WIDTH, dtype=np.int8), np.array([1e30], np.float32))
    y = build.tensor("y", [1, WIDTH], 1e38, 0)
    build.op("FULLY_CONNECTED", [x, w, -1], y)
    model = in_float(parse(build.pack(x, y)))
    with pytest.raises(McueditError, match="op 0 FULLY_CONNECTED: a ratio of scales that float32 cannot hold"):
        ops.operator(model, model.ops[0])


def test_the_option_of_emit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(telling("FULLY_CONNECTED").data)
    monkeypatch.setattr(tflm, "root", lambda: tmp_path)
    monkeypatch.setattr(tflm, "scales", lambda _: tflm.Scales(frozenset({"FULLY_CONNECTED"})))
    emit, written = ["emit", "--base", str(file), "-o"], []
    for given in ((), ("--tflm-scales", "double"), ("--tflm-scales", "float"), ("--tflm-scales", "auto")):
        out = tmp_path / str(len(written))
        assert invoke([*emit, str(out), *given]) == 0
        written.append((out / "net.c").read_text(encoding="utf-8"))
    plain, double, single, auto = written
    assert plain == double != single == auto
    out = tmp_path / "no"
    assert invoke([*emit, str(out), "--runtime", "tflm", "--tflm-scales", "float"]) == 2
    assert "--tflm-scales float beside runtime tflm" in capsys.readouterr().err
    assert not out.exists()
