# SPDX-License-Identifier: Apache-2.0
"""The base's ops as exact integer arithmetic on numpy arrays, with straight-through gradients.

Each op kind is one class behind `Operator`; adding a kind is adding a file and a line in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mcuedit.errors import McueditError
from mcuedit.model import Model, Op

Int8Array = npt.NDArray[np.int8]
FloatArray = npt.NDArray[np.float32]

_KINDS = {
    "FULLY_CONNECTED": "mcuedit.ops.fully_connected:FullyConnected",
    "RESHAPE": "mcuedit.ops.reshape:Reshape",
    "SOFTMAX": "mcuedit.ops.softmax:Softmax",
}


class Operator(Protocol):
    """One op; a leading axis runs over samples. Constant operands are part of it."""

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each of `Model.sources(op)` -> int8[n, *output], byte for byte as TFLM."""
        ...

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """Gradients by each source's int8 steps from that by the output's: rounding passes, clamps block.

        Args:
            grad: float32[n, *output]. xs, y: what `forward` took and gave.

        Returns:
            float32[n, *shape] per source.
        """
        ...


def kinds() -> list[str]:
    """Op kinds that can be simulated."""
    return sorted(_KINDS)


def operator(model: Model, op: Op) -> Operator:
    """The simulation of one op of a model.

    Raises:
        McueditError: the op's kind is not simulated.
    """
    if op.kind not in _KINDS:
        raise McueditError(
            f"op {op.index} {op.kind} comes after the target and cannot be trained through",
            f"choose a later target; ops that can follow one: {', '.join(kinds())}",
        )
    module, name = _KINDS[op.kind].split(":")
    made: Operator = getattr(import_module(module), name)(model, op)
    return made
