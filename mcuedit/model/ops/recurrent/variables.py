# SPDX-License-Identifier: Apache-2.0
"""VAR_HANDLE, CALL_ONCE, READ_VARIABLE and ASSIGN_VARIABLE: bytes that last from one inference to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.ops.common import require
from mcuedit.model.ops.recurrent.state import SILENT, reads, states, writes
from mcuedit.model.tflite import Model, Op


class Variable:
    """What a READ_VARIABLE gives in the first inference; nothing of the others."""

    def __init__(self, model: Model, op: Op) -> None:
        handles = {t for other in model.ops if other.kind == "VAR_HANDLE" for t in other.outputs}
        known = op.kind in SILENT or (op.inputs and op.inputs[0] in handles)
        require(bool(known), op, "a handle that no VAR_HANDLE of the graph made")
        self._value: Int8Array = np.zeros(0, np.int8)
        if op.kind == "READ_VARIABLE":
            fill, y = states(model)[reads(model, op)[0]].fill, model.tensors[op.outputs[0]]
            self._value = np.full((1, *y.shape), fill, y.dtype.lower())
        elif op.kind == "ASSIGN_VARIABLE":
            require(len(reads(model, op)) == 1 and writes(model, op)[0] in states(model), op, "no value to keep")
        else:
            states(model)  # proves that what is assigned once fits

    def forward(self, *xs: Int8Array) -> Int8Array:
        """Nothing -> int8[1, *output]."""
        return self._value

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """Nothing goes back into earlier inferences."""
        return ()
