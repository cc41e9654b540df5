# SPDX-License-Identifier: Apache-2.0
"""ADD, SUB, MUL, MAXIMUM and MINIMUM, int8, broadcasting; either operand may be a constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, Int32Array
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier, requantize
from mcuedit.model.ops.common import limits, multiplier, operand, require, summed_to, unclamped
from mcuedit.model.scales import LEFT_SHIFT, ratios
from mcuedit.model.tflite import Model, Op, Tensor

_MOST_AXES = 6


def sum_multipliers(model: Model, op: Op) -> tuple[tuple[int, int], ...]:
    """(m, s) of both operands and of the output."""
    found = ratios(model, op)
    a, b, out = (float(model.tensors[i].scale[0]) for i in (*op.inputs, op.outputs[0]))
    require(all(0 < ratio < 1 for ratio in found), op, f"scales {a}, {b} and {out} are too far apart")
    return tuple(quantize_multiplier(ratio) for ratio in found)


class Binary:
    """Operands brought to a common number of axes.

    Attributes:
        types: of both, where they are not the output's.
    """

    types: tuple[str, str] | None = None

    def __init__(self, model: Model, op: Op) -> None:
        a, b = operand(model, op, 0), operand(model, op, 1)
        y = model.tensors[op.outputs[0]]
        require(a is not None and b is not None and len(op.inputs) == 2, op, f"{len(op.inputs)} operands")
        self._sides: tuple[Tensor, Tensor] = (a, b)  # type: ignore[assignment]
        for side, dtype in zip(self._sides, self.types or (y.dtype, y.dtype), strict=True):
            quantized = side.dtype == dtype and side.scale.size == 1
            require(quantized, op, f"operand {side.name!r} is no quantized {dtype.lower()}")
        self._y, self._limits = y, limits(op, y)
        rank = max(len(side.shape) for side in self._sides)
        self._full = [(1,) * (rank - len(side.shape)) + side.shape for side in self._sides]
        fits = all(p == q or 1 in (p, q) for p, q in zip(*self._full, strict=True)) and rank <= _MOST_AXES
        shapes = " and ".join(str(list(side.shape)) for side in self._sides)
        require(fits, op, f"shapes {shapes} do not fit")
        self._out = np.broadcast_shapes(*self._full)
        require((1,) * (len(self._out) - len(y.shape)) + y.shape == self._out, op, f"{shapes} give no {list(y.shape)}")

    def _operands(self, xs: Sequence[Int8Array]) -> list[Int8Array]:
        """Both sides as int8[n or 1, *axes]."""
        live = iter(xs)
        return [
            (next(live) if side.data is None else side.data).reshape(-1, *full)
            for side, full in zip(self._sides, self._full, strict=True)
        ]

    def _centred(self, xs: Sequence[Int8Array]) -> list[Int32Array]:
        """Both sides less their zero points."""
        sides = zip(self._sides, self._operands(xs), strict=True)
        return [x.astype(np.int32) - np.int32(side.zero) for side, x in sides]

    def _back(self, grads: Sequence[FloatArray], xs: Sequence[Int8Array]) -> tuple[FloatArray, ...]:
        """Gradients of the live sides from those of both, float32[n, *output axes]."""
        live = [grad for side, grad in zip(self._sides, grads, strict=True) if side.data is None]
        return tuple(summed_to(grad, x.shape) for grad, x in zip(live, xs, strict=True))


class Sum(Binary):
    """ADD and SUB: operands rescaled to a fine common scale, added, and rescaled once more."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        self._sign = -1 if op.kind == "SUB" else 1
        *own, self._scaling = sum_multipliers(model, op)
        self._tables = [rescaled(side, LEFT_SHIFT, *scaling) for side, scaling in zip(self._sides, own, strict=True)]

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live operand -> int8[n, *output]."""
        a, b = (t[x.view(np.uint8)] for t, x in zip(self._tables, self._operands(xs), strict=True))
        total = a + b if self._sign > 0 else a - b
        y = requantize(total, 0, *self._scaling, self._y.zero, self._limits)
        return y.reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live operand."""
        free = unclamped(grad, y, *self._limits).reshape(-1, *self._out)
        slopes = [np.float32(side.scale[0] / self._y.scale[0]) for side in self._sides]
        return self._back([free * slopes[0], free * slopes[1] * np.float32(self._sign)], xs)


class Extreme(Binary):
    """MAXIMUM and MINIMUM of bytes, whatever the scales say."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        self._largest = op.kind == "MAXIMUM"

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live operand -> int8[n, *output]."""
        a, b = self._operands(xs)
        y: Int8Array = np.maximum(a, b) if self._largest else np.minimum(a, b)
        return y.reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live operand: all to the one that was taken."""
        a, b = self._operands(xs)
        first, full = a > b if self._largest else a < b, grad.reshape(-1, *self._out)
        return self._back([np.where(first, full, np.float32(0)), np.where(first, np.float32(0), full)], xs)


class Mul(Binary):
    """y = clamp(zy + MBQM((a - za) (b - zb)))."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        a, b, y = (float(t.scale[0]) for t in (*self._sides, self._y))
        self._scaling = multiplier(op, a * b / y)
        self._slope = np.float32(a * b / y)

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each live operand -> int8[n, *output]."""
        a, b = self._centred(xs)
        return requantize(a * b, 0, *self._scaling, self._y.zero, self._limits).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *shape] of each live operand."""
        free = unclamped(grad, y, *self._limits).reshape(-1, *self._out) * self._slope
        a, b = (side.astype(np.float32) for side in self._centred(xs))
        return self._back([free * b, free * a], xs)


def rescaled(side: Tensor, left_shift: int, m: int, s: int) -> Int32Array:
    """What each byte of an operand stands for on a common scale: int32[256] by its unsigned value."""
    values = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
    return mbqm((values - side.zero) << left_shift, m, s).astype(np.int32)
