# SPDX-License-Identifier: Apache-2.0
"""RESHAPE."""

from __future__ import annotations

from mcuedit.model import Model, Op
from mcuedit.ops import FloatArray, Int8Array


class Reshape:
    """The same bytes in another shape."""

    def __init__(self, model: Model, op: Op) -> None:
        self._shape = model.tensors[op.outputs[0]].shape

    def forward(self, x: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        return x.reshape(len(x), *self._shape)

    def backward(self, grad: FloatArray, x: Int8Array, y: Int8Array) -> FloatArray:
        """float32[n, *output] -> float32[n, *input]."""
        return grad.reshape(x.shape)
