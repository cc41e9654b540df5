# SPDX-License-Identifier: Apache-2.0
"""BATCH_MATMUL, int8: products of the matrices of two operands, whose other axes are broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.fixedpoint import requantize
from mcuedit.model.ops.common import multiplier, operand, require, summed_to, unclamped
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import INT8, Model, Op, Tensor

_AXES = (2, 5)
_MOST_DEPTH = 1 << 15  # products of two differences of bytes that an int32 holds the sum of
_LIMITS = (-128, 127)

Array = npt.NDArray[Any]


def matrices(op: Op, a: Array, b: Array) -> tuple[Array, Array]:
    """Views [..., rows, depth] and [..., depth, columns] with broadcast other axes."""
    a = a.swapaxes(-1, -2) if op.options.get("adjX") else a
    b = b.swapaxes(-1, -2) if op.options.get("adjY") else b
    around = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return np.broadcast_to(a, (*around, *a.shape[-2:])), np.broadcast_to(b, (*around, *b.shape[-2:]))


class BatchMatmul:
    """y = clamp(zy + MBQM(sum((a - za) (b - zb)))).

    Attributes:
        dtype: of both operands.
    """

    dtype = INT8

    def __init__(self, model: Model, op: Op) -> None:
        y = model.tensors[op.outputs[0]]
        sides = [operand(model, op, i) for i in range(2)]
        require(len(op.inputs) == 2 and None not in sides, op, f"{len(op.inputs)} operands")
        self._sides: list[Tensor] = sides  # type: ignore[assignment]
        for side in self._sides:
            fits = side.dtype == self.dtype and side.scale.size == 1 and _AXES[0] <= len(side.shape) <= _AXES[1]
            require(fits, op, f"operand {side.name!r} is {side.dtype}{list(side.shape)}")
        shapes = " and ".join(str(list(side.shape)) for side in self._sides)
        try:
            a, b = matrices(op, *(np.empty(side.shape, np.int8) for side in self._sides))
        except ValueError:
            a = b = np.empty((0, 0))
        made = (*a.shape[:-1], b.shape[-1])
        fits = a.shape[-1] == b.shape[-2] and made == y.shape and 0 < a.shape[-1] <= _MOST_DEPTH
        require(fits, op, f"{shapes} do not give {list(y.shape)}")
        (ratio,) = ratios(model, op)
        self._op, self._y, self._scaling, self._slope = op, y, multiplier(op, ratio), np.float32(ratio)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live operand -> int8[n, *output]."""
        a, b = matrices(self._op, *self._centred(xs))
        total = (a @ b).astype(np.int64)
        return requantize(total, 0, *self._scaling, self._y.zero, _LIMITS).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live operand."""
        free = (unclamped(grad, y, *_LIMITS) * self._slope).reshape(len(grad), *self._y.shape)
        values = [side.astype(np.float32) for side in self._centred(xs)]
        a, b = matrices(self._op, *values)
        backs = [free @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ free]
        turned = [bool(self._op.options.get(name)) for name in ("adjX", "adjY")]
        backs = [back.swapaxes(-1, -2) if turn else back for back, turn in zip(backs, turned, strict=True)]
        live = [back for back, side in zip(backs, self._sides, strict=True) if side.data is None]
        return tuple(np.asarray(summed_to(back, x.shape), np.float32) for back, x in zip(live, xs, strict=True))

    def _centred(self, xs: Sequence[Array]) -> list[Array]:
        """Both sides less their zero points: float64[n or 1, *axes], as many axes for both."""
        live, rank = iter(xs), max(len(side.shape) for side in self._sides)
        found = []
        for side in self._sides:
            values = next(live) if side.data is None else side.data[None]
            ones = (1,) * (rank - len(side.shape))
            found.append(values.reshape(-1, *ones, *side.shape).astype(np.float64) - side.zero)
        return found
