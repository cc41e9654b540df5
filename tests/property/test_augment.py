# SPDX-License-Identifier: Apache-2.0
"""A .tflite with adapters in it gives, in tflite_micro, the bytes of the specification: random nets and adapters."""

from __future__ import annotations

from helpers import deltas
from helpers.augmented import compared
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcuedit.codegen.augment import CHAINED
from mcuedit.conformance.opsweep import GRAPHS, model
from mcuedit.conformance.synthetic import adapters
from mcuedit.model.adaptable import is_adaptable


@given(st.sampled_from(["FULLY_CONNECTED", "CONV_2D", "nets"]), st.integers(0, 300), st.integers(1, 10))
@settings(max_examples=15)
def test_adapters_of_every_kind_are_exact_when_chained(kind: str, number: int, count: int) -> None:
    found = model(kind, number)
    assume(any(is_adaptable(found, op) for op in found.ops))
    assert compared(found, adapters(found, count, number), CHAINED)[0] == 0


@given(st.integers(0, 300))
@settings(max_examples=10)
def test_any_op_is_exact_when_chained(number: int) -> None:
    """Deltas at ops without weights, that read outputs, and that have their tap before their target."""
    found = model(GRAPHS, number)
    assume("DIV" not in {op.kind for op in found.ops})  # of 0, where TFLM leaves the quotient undefined
    made = deltas.at_every_op(found, number)
    assume(made)
    assert compared(found, made, CHAINED)[0] == 0
