# SPDX-License-Identifier: Apache-2.0
"""State in the arena of the bare runtime: it lasts, starts anew when asked, and is copied only where it must be."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import tiny
from helpers.stateful import summing

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.bundle import Base
from mcuedit.model.ops.recurrent.state import states
from mcuedit.model.tflite import Model, parse
from mcuedit.training.core.suffix import Suffix


def kept(*, late: bool = False, first: int | None = None) -> Model:
    """The input of the last inference; `late`: read again after it was assigned anew."""
    net = NetBuilder()
    x, y = net.tensor("x", (1, 4), 0.5, 3), net.tensor("y", (1, 8), 0.5, 3)
    if first is not None:
        net.call_once(b"v", np.full((1, 4), first, np.int8), 0.5, 3)
    handle, old = net.tensor("handle", (), 1.0, 0, dtype="RESOURCE"), net.tensor("old", (1, 4), 0.5, 3)
    net.op("VAR_HANDLE", [], handle, sharedName=b"v")
    net.op("READ_VARIABLE", [handle], old)
    if late:
        net.op("ASSIGN_VARIABLE", [handle, x], [])
    net.op("CONCATENATION", [old, x], y, axis=1)
    if not late:
        net.op("ASSIGN_VARIABLE", [handle, x], [])
    return parse(net.pack(x, y), "kept")


def test_what_is_read_before_it_is_assigned_stays_where_it_is() -> None:
    plan = codegen.plan_arena(kept())
    (read,) = (op for op in plan.model.ops if op.kind == "READ_VARIABLE")
    assert not plan.called(read)
    assert plan.places[read.outputs[0]] == plan.places[-1]


def test_what_is_read_after_it_was_assigned_anew_is_a_copy() -> None:
    plan = codegen.plan_arena(kept(late=True))
    (read,) = (op for op in plan.model.ops if op.kind == "READ_VARIABLE")
    assert plan.called(read)
    assert plan.places[read.outputs[0]].offset != plan.places[-1].offset


def test_nothing_else_lies_where_state_does() -> None:
    plan = codegen.plan_arena(summing())
    state = plan.places[-1]
    others = [p for t, p in plan.places.items() if t >= 0 and p.where == "arena" and p != state]
    spans = [(p.offset, p.size) for p in others] + [(plan.input_offset, 4), (plan.output_offset, 3)]
    assert all(start + size <= state.offset or state.offset + state.size <= start for start, size in spans)


def test_a_base_with_state_has_a_function_that_starts_anew() -> None:
    files = codegen.render_base(Base("kept", kept()))
    assert "void kept_reset(int8_t *arena);" in files["kept.h"]
    assert f"MCUEDIT_FILL(arena + {codegen.plan_arena(kept()).places[-1].offset}, 3, 4);" in files["kept.c"]
    assert "kept_reset" not in "".join(codegen.render_base(Base("kept", parse(tiny.classifier()))).values())
    assert "MODEL_RESET(arena) kept_reset(arena)" in codegen.render_model_header(Base("kept", kept()))["model.h"]


def test_a_state_that_starts_as_zeros_is_known_and_any_other_refused() -> None:
    assert {key: (s.size, s.fill) for key, s in states(kept(first=3)).items()} == {-1: (4, 3)}
    with pytest.raises(McueditError, match="starts with other values than 0"):
        codegen.plan_arena(kept(first=4))


def test_a_target_that_a_variable_depends_on_is_refused_by_the_op_that_keeps_it() -> None:
    net, rng = NetBuilder(), np.random.default_rng(0)
    x, a, old, y = (net.tensor(name, (1, 4), 1 / 16, 0) for name in ("x", "a", "old", "y"))
    handle = net.tensor("handle", (), 1.0, 0, dtype="RESOURCE")
    net.op("FULLY_CONNECTED", [x, net.constant("w", rng.integers(-9, 9, (4, 4), np.int8), [0.1])], a)  # 0
    net.op("VAR_HANDLE", [], handle, sharedName=b"v")
    net.op("READ_VARIABLE", [handle], old)
    net.op("ASSIGN_VARIABLE", [handle, a], [])  # 3
    both = net.tensor("both", (1, 4), 1 / 16, 0)
    net.op("ADD", [a, old], both)
    net.op("FULLY_CONNECTED", [both, net.constant("v", rng.integers(-9, 9, (4, 4), np.int8), [0.1])], y)  # 5
    model = parse(net.pack(x, y), "kept")
    with pytest.raises(McueditError, match="op 3 ASSIGN_VARIABLE keeps what a delta before it changes"):
        Suffix(model, 0, model.outputs[0])
    assert Suffix(model, 5, model.outputs[0]).side == ()
