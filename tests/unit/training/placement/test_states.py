# SPDX-License-Identifier: Apache-2.0
"""A delta before an op that keeps a state would change inferences that nobody asked about."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stateful import summing

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import outputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate.runner import best_oracle
from mcuedit.model.tflite import Model
from mcuedit.training.placement import places

FIRST, KEEPS, LAST = 0, 4, 5


def plain(model: Model, target: int) -> Adapter:
    return next(a for a in adapters(model, 9) if a.deltas[0].target == target and not a.deltas[0].gated)


def test_no_target_stands_before_what_keeps_it() -> None:
    model = summing(before=True)
    error = places.no_target(model, FIRST)
    assert error is not None
    assert f"op {KEEPS} ASSIGN_VARIABLE keeps what a delta before it changes" in error.message
    assert "later target" in error.hint
    assert places.no_target(model, LAST) is None


def test_neither_does_an_adapter_that_was_made_elsewhere_act_there() -> None:
    """Before, what it changes of a later inference was left out of what is expected."""
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    model = summing(before=True)
    x = np.random.default_rng(0).integers(-60, 60, (20, 3, 1, 4)).astype(np.int8)
    with pytest.raises(McueditError, match="ASSIGN_VARIABLE keeps what"):
        outputs(model, best_oracle(model), [plain(model, FIRST)], x)
    assert outputs(model, best_oracle(model), [plain(model, LAST)], x).shape == (20, 1, 3)
