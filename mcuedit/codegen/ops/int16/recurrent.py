# SPDX-License-Identifier: Apache-2.0
"""UNIDIRECTIONAL_SEQUENCE_LSTM of 16-bit activations."""

from __future__ import annotations

from mcuedit.codegen.ops.recurrent.lstm import Constants, Params, called
from mcuedit.model.ops.int16.common import halved
from mcuedit.model.ops.int16.recurrent import Lstm
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.recurrent.lstm import GATES
from mcuedit.model.tflite import Model, Op


def lstm(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_lstm_s16; without zero points, the hidden state's products have no bias."""
    it = Lstm(model, op)
    constants: Constants = {}
    params: Params = {}
    for gate in GATES:
        constants[f"{gate}_bias"] = it.of_input[gate].bias
        params[f"{gate}.bias"] = f"{{{gate}_bias}}"
        for side, product in ("input", it.of_input[gate]), ("hidden", it.of_hidden[gate]):
            multiplier, shift = product.scaling
            constants[f"{gate}_{side}_weights"] = product.weights
            params[f"{gate}.{side}_weights"] = f"{{{gate}_{side}_weights}}"
            params |= {f"{gate}.{side}_multiplier": int(halved(multiplier)), f"{gate}.{side}_shift": shift}
    return called(op, it, "mcuedit_lstm_s16", "mcuedit_lstm_16x8", (constants, params))
