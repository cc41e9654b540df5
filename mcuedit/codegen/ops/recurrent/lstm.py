# SPDX-License-Identifier: Apache-2.0
"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 activations and weights, int16 cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.recurrent.curves import TABLE
from mcuedit.model.ops.recurrent.lstm import GATES, Lstm
from mcuedit.model.tflite import Model, Op

Constants = dict[str, npt.NDArray[Any]]
Params = dict[str, str | int]

_HIDDEN, _CELL = 18, 19  # operands


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_lstm_s8."""
    it = Lstm(model, op)
    constants: Constants = {}
    params: Params = {"zero_point": it.hidden_zero}
    for gate in GATES:
        for side, product in ("input", it.of_input[gate]), ("hidden", it.of_hidden[gate]):
            name = f"{gate}_{side}"
            constants |= {f"{name}_weights": product.weights, f"{name}_bias": product.bias.astype(np.int32)}
            params |= {f"{gate}.{side}.weights": f"{{{name}_weights}}", f"{gate}.{side}.bias": f"{{{name}_bias}}"}
            params |= dict(zip((f"{gate}.{side}.multiplier", f"{gate}.{side}.shift"), product.scaling, strict=True))
    return called(op, it, "mcuedit_lstm_s8", "mcuedit_lstm", (constants, params))


def called(op: Op, it: Lstm, function: str, params_type: str, gates: tuple[Constants, Params]) -> Lowered:
    """A call of a kernel whose parameters are those of the gates and a mcuedit_lstm_cells."""
    rows, batches = (it.batches, 1) if it.time_major else (1, it.steps)  # between steps, between batches
    cells: Params = {"curve": "{curve}"}
    for name, scaling in ("keep", it.cells.keep), ("take", it.cells.take), ("show", it.cells.show):
        cells |= {f"{name}.multiplier": scaling[0], f"{name}.shift": scaling[1]}
    cells |= {"steps": it.steps, "batches": it.batches, "n_in": it.n_in, "n_state": it.n_state}
    cells |= {"step_rows": rows, "batch_rows": batches, "clip": it.cells.clip, "cell_shift": it.cells.power + 12}
    constants, params = gates
    fields = tuple((name, str(value)) for name, value in params.items())
    fields += tuple((f"cells.{name}", str(value)) for name, value in cells.items())
    constants = {"curve": TABLE.astype(np.uint16), **constants}
    operands = ("input", "output", "state0", "state1")
    states = (op.inputs[_HIDDEN], op.inputs[_CELL])
    return Lowered(function, params_type, fields, constants, operands, states=states)
