# SPDX-License-Identifier: Apache-2.0
"""Bases with state as ahead-of-time C: on boards the inputs are one sequence, on this machine each starts anew."""

from __future__ import annotations

import numpy as np
import pytest

from mcuedit.conformance import int16, opsweep
from mcuedit.conformance.oneop import random_inputs
from mcuedit.emulate import runner
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.model.ops.kinds import KINDS
from mcuedit.model.tflite import Model

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

STEPS = 6
KEPT = [kind for kind, record in KINDS.items() if record.state and kind not in ("CALL_ONCE", "VAR_HANDLE")]
KEPT += [kind + int16.SUFFIX for kind in ("READ_VARIABLE", "UNIDIRECTIONAL_SEQUENCE_LSTM")]


def steps(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """A sequence, and what TFLM gives after each of its inputs."""
    from mcuedit.model.oracle import Tflm

    x = random_inputs(model, np.random.default_rng(0), STEPS)
    oracle = Tflm(model)
    wanted = [oracle.activations(x[None, : k + 1], model.outputs)[model.outputs[0]] for k in range(STEPS)]
    return x, np.concatenate(wanted).reshape(STEPS, -1).view(np.int8)


@pytest.mark.parametrize(
    ("emulator", "board"), [("unicorn", "virt-m4"), ("unicorn", "virt-m0"), ("qemu", "mps3-an547")]
)
@pytest.mark.parametrize("kind", KEPT)
def test_a_sequence_on_a_board_gives_what_tflm_gives(kind: str, emulator: str, board: str) -> None:
    model = opsweep.model(kind, 3)
    x, wanted = steps(model)
    with runner.open_device(Base("kept", model), (), RunOptions(emulator, board=board)) as device:
        np.testing.assert_array_equal(device.run(x), wanted)


@pytest.mark.parametrize("kind", KEPT)
def test_each_sequence_starts_anew_on_this_machine(kind: str) -> None:
    model = opsweep.model(kind, 5)
    x, wanted = steps(model)
    with runner.open_device(Base("kept", model), (), RunOptions("host")) as device:
        for k in range(STEPS):
            np.testing.assert_array_equal(device.run(x[None, : k + 1].reshape(1, -1)), wanted[k : k + 1])
