# SPDX-License-Identifier: Apache-2.0
"""Every kind of op as ahead-of-time C, on this machine and on cores without DSP, with it, and with MVE."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.graphs import graphs_of_all_kinds, wide_graphs

from mcuedit._util.errors import McueditError
from mcuedit.conformance.oneop import random_inputs
from mcuedit.emulate import runner
from mcuedit.emulate.backends.engine import Engine
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")


@pytest.mark.parametrize(
    ("emulator", "board"),
    [("host", None), ("unicorn", "virt-m4"), ("unicorn", "virt-m0"), ("qemu", "mps3-an547")],
)
def test_same_bytes_as_tflm(emulator: str, board: str | None) -> None:
    from mcuedit.model.oracle import Tflm

    for model in (*graphs_of_all_kinds(), *wide_graphs()):
        x = random_inputs(model, np.random.default_rng(0), 12)
        want = Tflm(model).activations(x, model.outputs)[model.outputs[0]].reshape(len(x), -1).view(np.int8)
        with runner.open_device(Base("graph", model), (), RunOptions(emulator, board=board)) as device:
            np.testing.assert_array_equal(device.run(x), want)


def test_the_engine_takes_no_inputs_that_do_not_fit(tiny_model: Model) -> None:
    for x in np.zeros((2, 15), np.int8), np.zeros((2, 16), np.int16):
        with pytest.raises(McueditError, match=r"takes int8\[n, 16\]"):
            Engine(tiny_model).run(x)
