# SPDX-License-Identifier: Apache-2.0
"""The host engine as the oracle failed on no inputs at all: numpy cannot guess a width from nothing."""

from __future__ import annotations

import numpy as np

from mcuedit.emulate.backends.engine import Engine
from mcuedit.model.tflite import Model


def test_host_engine_takes_no_inputs(tiny_model: Model) -> None:
    shape = tiny_model.input.shape[1:]
    wanted = [tiny_model.inputs[0], tiny_model.outputs[0]]
    found = Engine(tiny_model).activations(np.zeros((0, *shape), np.int8), wanted)
    assert [found[tensor].shape for tensor in wanted] == [(0, *tiny_model.tensors[tensor].shape) for tensor in wanted]
