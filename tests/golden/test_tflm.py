# SPDX-License-Identifier: Apache-2.0
"""What is emitted for firmware with TFLM, letter by letter; as test_golden.py, with the same flag to write it anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import golden, tiny
from helpers.deltas import adapter, delta

from mcuedit import codegen
from mcuedit.base import Base
from mcuedit.codegen import render
from mcuedit.errors import McueditError
from mcuedit.model import parse
from mcuedit.netbuilder import NetBuilder

EXPECTED = Path(__file__).with_name("expected_tflm")


def test_golden(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "__version__", "0.0.0")
    base = Base("tiny", parse(tiny.classifier((16, 8, 6)), "tiny"), tuple("abcdef"), features=16)
    fact = adapter(base.model, delta(base.model, 0, 1), name="a fact")
    made = codegen.render_tflm_project(base, [fact]) | codegen.render_tflm_model_header(base)
    got = {name: text for name, text in made.items() if "/" not in name and not name.startswith("a_fact")}
    array = got.pop("tiny_model.c").split("{\n")[1].split("}")[0]
    assert bytes(map(int, array.replace(",", " ").split())) == base.model.data
    golden.compare(request, got, EXPECTED)


def test_what_tflm_has_not_is_named() -> None:
    net = NetBuilder()
    x, y = (net.tensor(name, [1, 8], 0.1, 0) for name in "xy")
    net.op("GELU", [x], y)
    with pytest.raises(McueditError, match="op 0 GELU is not in TensorFlow Lite Micro"):
        codegen.render_tflm_base(Base("net", parse(net.pack(x, y), "net")))
