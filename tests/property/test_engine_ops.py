# SPDX-License-Identifier: Apache-2.0
"""The bare runtime against TensorFlow Lite Micro, byte for byte, on random models: one engine library runs them all.

`mcuedit bench bytes` compares hundreds of every kind in the same way.
"""

from __future__ import annotations

import pytest
from helpers.arena import planned_by_tflm
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit import codegen, zoo
from mcuedit.conformance import opsweep
from mcuedit.model.tflite import load

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

numbers = st.integers(1 << 10, 1 << 30)  # apart from those of the sweep


@pytest.mark.parametrize("kind", opsweep.ALL)
@given(number=numbers)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_same_bytes(kind, number):
    compared, differing = opsweep.compare(opsweep.model(kind, number), number)
    assert compared > 0
    assert differing == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", opsweep.ALL)
def test_hundreds_of_models(kind):
    (row,) = opsweep.sweep([kind], 500)
    assert (row.models, row.differing_bytes) == (500, 0)


@given(kind=st.sampled_from([*opsweep.ALL, opsweep.NETS, opsweep.GRAPHS]), number=numbers)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_arena_is_no_larger_than_what_tflm_plans(kind, number):
    found = opsweep.model(kind, number)
    plan = codegen.plan_arena(found)
    kept = sum(-(-state.size // 4) * 4 for state in plan.states.values())  # TFLM has it elsewhere
    assert plan.arena_size - kept <= planned_by_tflm(found)


@pytest.mark.parametrize("name", zoo.names())
def test_arena_of_the_zoo(name):
    found = load(zoo.folder(name) / "model.tflite")
    assert codegen.plan_arena(found).arena_size <= planned_by_tflm(found)


def test_arena_of_public_models(shared_model):
    found = load(shared_model)
    assert codegen.plan_arena(found).arena_size <= planned_by_tflm(found)
