# SPDX-License-Identifier: Apache-2.0
"""Deltas at ops that carry no weights: generated C and the core against the base of TFLM with deltas in numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import at_every_op
from helpers.graphs import graphs_of_all_kinds
from helpers.native import Native
from helpers.tflm_here import needs_runtime

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import serving
from mcuedit.adapter.forward import deltas_of, trace, with_deltas
from mcuedit.conformance.oneop import random_model
from mcuedit.emulate import runner
from mcuedit.emulate.backends.host import HostDevice
from mcuedit.emulate.backends.plugin import PluginDevice
from mcuedit.model.adaptable import OUTPUT
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model, parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")


def agree(model: Model, folder: Path, seed: int = 0, count: int = 16) -> None:
    """Adapters at every op, each alone and all of them: no byte differs, in any activation."""
    chosen = at_every_op(model, seed)
    rng, oracle = np.random.default_rng(seed), runner.best_oracle(model)
    x = rng.integers(-128, 128, (count, model.input_size)).astype(np.int8)
    untouched, base = trace(model, oracle, x.reshape(count, *model.input.shape)), Base("net", serving(model, chosen))
    preserving = Native(base, folder / "all", preserve=True)
    devices = [preserving, Native(base, folder / "packed")]
    for some in [[one] for one in chosen] + [chosen]:
        now = with_deltas(model, deltas_of(some), untouched).values
        for device in devices:
            device.load(some)
            outputs, arenas = device.infer(x)
            np.testing.assert_array_equal(outputs, now[model.outputs[0]].reshape(count, -1))
            for t, place in device.plan.places.items():
                if device is preserving and t in now and place.where == "arena":
                    got = arenas[:, place.offset : place.offset + place.size]
                    what = f"{[a.name for a in some]}: tensor {t}"
                    np.testing.assert_array_equal(got, now[t].reshape(count, -1), what)
        moved = [t for t, values in now.items() if (values != untouched.values[t]).any()]
        assert moved or len(some) == 1, [a.name for a in some]


@pytest.mark.parametrize("number", range(len(graphs_of_all_kinds())))
def test_deltas_at_every_op_of_graphs_of_all_kinds(number: int, tmp_path: Path) -> None:
    agree(graphs_of_all_kinds()[number], tmp_path, number)


@needs_runtime
@pytest.mark.parametrize("number", range(len(graphs_of_all_kinds())))
def test_the_wrapper_of_any_kernel_adds_the_same(number: int) -> None:
    model = graphs_of_all_kinds()[number]
    fixed = {op.index for op in model.ops if op.kind == "RESIZE_NEAREST_NEIGHBOR"}
    chosen = [a for a in at_every_op(model, number) if int(a.name[2:]) not in fixed]
    chosen = [a for a in chosen if all(d.tap & (OUTPUT - 1) not in fixed for d in a.deltas)]
    base = Base("net", model)
    x = np.random.default_rng(number).integers(-128, 128, (16, model.input_size)).astype(np.int8)
    oracle = runner.best_oracle(model)
    with PluginDevice(base, chosen) as device:
        assert device.status == "OK"
        for some in [[one] for one in chosen] + [chosen]:
            device.use([a in some for a in chosen])
            want = runner.expected(base, some, oracle, x)
            np.testing.assert_array_equal(device.run(x), want, f"{[a.name for a in some]}")


@pytest.mark.parametrize("kind", ["SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"])
def test_deltas_at_an_op_that_keeps_a_state(kind: str) -> None:
    """Its state stays as it was: only what it gives is changed."""
    model = parse(random_model(kind, np.random.default_rng(3)), kind)
    chosen, oracle = at_every_op(model), runner.best_oracle(model)
    x = np.random.default_rng(0).integers(-128, 128, (8, 5, model.input_size)).astype(np.int8)
    base = Base("net", model)
    want = runner.expected(base, chosen, oracle, x)
    with HostDevice(base, chosen) as device:
        np.testing.assert_array_equal(device.run(x), want)
        device.use([False] * len(chosen))
        plain = device.run(x)
    assert (plain != want).any()
    np.testing.assert_array_equal(plain, runner.expected(base, [], oracle, x))


def test_code_serves_what_is_asked_for_and_nothing_else() -> None:
    """An op without weights costs nothing where no delta is to be: no call, no place of its own for its output."""
    model = parse(tiny.classifier(), "net")
    (plain,) = (text for name, text in codegen.render_base(Base("net", model)).items() if name.endswith(".c"))
    assert "(context, 2," not in plain
    weighted = [replace(a, deltas=a.deltas[:1]) for a in at_every_op(model)[:2]]
    for chosen in [weighted, []]:
        served = serving(model, chosen, also=[] if chosen else [2])
        (text,) = (text for name, text in codegen.render_base(Base("net", served)).items() if name.endswith(".c"))
        assert ("mcuedit_context_add_served(context, 2," in text) == (not chosen)
        assert (text == plain) == bool(chosen)
    with pytest.raises(McueditError, match="has ops 0"):
        serving(model, [], also=[7])
