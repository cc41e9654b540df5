# SPDX-License-Identifier: Apache-2.0
"""Which ops can be a target: `inspect` says what `edit` does, of every op of every model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.stateful import svdf

from mcuedit import zoo
from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import logits_tensor
from mcuedit.codegen import inspection
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import tflite as models
from mcuedit.model.tflite import Model, parse
from mcuedit.training.placement.pairs import every_pair, pairs

SHARED = Path(__file__).resolve().parents[5] / "shared" / "models"


def branches() -> Model:
    """op 0 leads to the logits; beside it op 1 and an op that training does not know, whose output nobody reads."""
    net, rng = NetBuilder(), np.random.default_rng(0)

    def dense(x: int, n_in: int, n_out: int, name: str) -> int:
        y = net.tensor(name, (1, n_out), 1 / 8, 0)
        net.op("FULLY_CONNECTED", [x, net.constant("w" + name, rng.integers(-9, 9, (n_out, n_in), np.int8), [0.1])], y)
        return y

    x = net.tensor("x", (1, 4), 1 / 16, 0)
    hidden = dense(x, 4, 5, "hidden")  # 0
    lost = dense(x, 4, 5, "lost")  # 1
    net.op("ADD_N", [lost, lost], net.tensor("least", (1, 5), 1 / 8, 0))  # 2
    y = dense(hidden, 5, 3, "y")  # 3
    return parse(net.pack(x, y), "branches")


def unknown_on_the_way() -> Model:
    """An op that training does not pass stands between op 0 and the logits."""
    net, rng = NetBuilder(), np.random.default_rng(0)
    x, a, b, y = (net.tensor(name, (1, 4), 1 / 16, 0) for name in "xaby")
    net.op("FULLY_CONNECTED", [x, net.constant("w", rng.integers(-9, 9, (4, 4), np.int8), [0.1])], a)
    net.op("ADD_N", [a, a], b)
    net.op("FULLY_CONNECTED", [b, net.constant("v", rng.integers(-9, 9, (4, 4), np.int8), [0.1])], y)
    return parse(net.pack(x, y), "unknown")


def cases() -> dict[str, Model]:
    found = {"branches": branches(), "unknown on the way": unknown_on_the_way(), "svdf": svdf()}
    found |= {name: models.load(zoo.folder(name) / "model.tflite") for name in zoo.names()}
    return found | {path.stem: models.load(path) for path in sorted(SHARED.glob("*.tflite"))}


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_inspect_and_edit_answer_alike(name: str) -> None:
    model = CASES[name]
    for op in inspection.describe(model):
        for ask in (
            lambda: every_pair(model, logits_tensor(model), str(op.index), str(op.index)),  # noqa: B023
            lambda: pairs(model, str(op.index), str(op.index)),  # noqa: B023
        ):
            try:
                assert ask() == [(op.index, op.index)]
                able, why = True, ""
            except McueditError as error:
                able, why = False, error.message
            assert op.target is able, f"op {op.index}: {op.why_not!r}, {why!r}"
            if op.tap and not able:
                assert op.why_not == f"no target: {why}"


def test_only_what_stands_between_a_target_and_the_logits_counts() -> None:
    """An op beside the way, which training never passes, keeps nothing from being a target."""
    first, beside, least, last = inspection.describe(branches())
    assert (first.target, last.target) == (True, True)
    assert (beside.tap, beside.target) == (True, False)
    assert (least.tap, least.target, least.named) == (True, False, True)
    first, _, last = inspection.describe(unknown_on_the_way())
    assert (first.target, last.target) == (False, True)
    assert "op 1 ADD_N" in first.why_not
