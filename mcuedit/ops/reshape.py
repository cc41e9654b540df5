# SPDX-License-Identifier: Apache-2.0
"""RESHAPE."""

from __future__ import annotations

from collections.abc import Sequence

from mcuedit.model import Model, Op
from mcuedit.ops import FloatArray, Int8Array


class Reshape:
    """The same bytes in another shape."""

    def __init__(self, model: Model, op: Op) -> None:
        self._shape = model.tensors[op.outputs[0]].shape

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        return xs[0].reshape(len(xs[0]), *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        return (grad.reshape(xs[0].shape),)
