# SPDX-License-Identifier: Apache-2.0
"""Training factors through convolutions in C against the numpy twin, byte by byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.chains import images, inputs_of, nets, twin_of
from helpers.trainer import MORE, FactorsInC

from mcuedit.model.adaptable import op_geometry
from mcuedit.model.bundle import Base
from mcuedit.ondevice.factors import FactorOptions

STEPS = 500


@pytest.mark.parametrize(("name", "op"), [*((name, 0) for name in nets()), ("convolutions", 2), ("batches", 2)])
def test_factors_of_500_steps(tmp_path: Path, name: str, op: int) -> None:
    model = nets()[name]
    twin = twin_of(model, FactorOptions(rank=3, steps=STEPS), op)
    made = FactorsInC(Base("net", twin.model), twin.op, twin.options, (3, 8), tmp_path)
    assert made.init() == 0
    if op_geometry(model, op).window:
        x = inputs_of(model, op, images(model, len(twin.corrections)))
        np.testing.assert_array_equal(
            np.stack([made.gather(row, twin.corrections.shape[1]) for row in x[:3]]), twin.corrections
        )
    for row, answer in zip(twin.replay, twin.answers, strict=True):
        assert made.confirm(row, answer) == 0
    for row, wanted in zip(twin.corrections, twin.wanted, strict=True):
        assert made.correct(row, wanted) == 0
    while twin.step < STEPS:
        twin.train_step()
        while made.steps < twin.step:
            assert made.step(1) in (0, MORE)
        np.testing.assert_array_equal(made.a, twin.a)
        np.testing.assert_array_equal(made.b, twin.b)
    assert not twin.done
    assert np.abs(twin.b).max() > 128
