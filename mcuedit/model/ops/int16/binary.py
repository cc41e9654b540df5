# SPDX-License-Identifier: Apache-2.0
"""Ops of two 16-bit operands, broadcasting; either may be a constant, and the slopes of a PRELU are one of int8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, Int16Array, IntArray
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import multiplier, require
from mcuedit.model.ops.elementwise.binary import Binary, sum_multipliers
from mcuedit.model.ops.elementwise.quotients import prelu_multipliers, squared_multipliers
from mcuedit.model.ops.int16.common import no_gradient
from mcuedit.model.tflite import INT8, INT16, Model, Op

LEFT_SHIFT = 15  # of an operand of a sum before it is rescaled


class _Wide(Binary):
    """Operands brought to a common number of axes."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        self._op = op

    def _numbers(self, xs: Sequence[Any]) -> list[IntArray]:
        return [side.astype(np.int64) for side in self._operands(xs)]

    def _made(self, values: IntArray) -> Int16Array:
        return np.clip(values, *self._limits).astype(np.int16).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> NoReturn:
        """See `Operator`."""
        raise no_gradient(self._op)


class Sum(_Wide):
    """ADD and SUB: operands rescaled to a fine common scale, added, and rescaled once more."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        self._sign = -1 if op.kind == "SUB" else 1
        self._a, self._b, self._out_scaling = sum_multipliers(model, op)

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, *shape] of each live operand -> int16[n, *output]."""
        a, b = self._numbers(xs)
        total = mbqm(a << LEFT_SHIFT, *self._a) + self._sign * mbqm(b << LEFT_SHIFT, *self._b)
        return self._made(mbqm(total, *self._out_scaling))


class Mul(_Wide):
    """y = clamp(MBQM(a b))."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        a, b, y = (float(t.scale[0]) for t in (*self._sides, self._y))
        self._scaling = multiplier(op, a * b / y)

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, *shape] of each live operand -> int16[n, *output]."""
        a, b = self._numbers(xs)
        return self._made(mbqm(a * b, *self._scaling))


class SquaredDifference(_Wide):
    """Operands rescaled to shares of twice the larger scale, subtracted, squared and rescaled once more."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        self._a, self._b, self._out_scaling = squared_multipliers(model, op)

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, *shape] of each live operand -> int16[n, *output]."""
        a, b = self._numbers(xs)
        difference = mbqm(a, *self._a) - mbqm(b, *self._b)
        return self._made(mbqm(difference * difference, *self._out_scaling))


class Prelu(_Wide):
    """A negative value is multiplied by the int8 slope of its place."""

    types = (INT16, INT8)

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        self._above, self._below = prelu_multipliers(model, op)
        require(self._out == self._full[0], op, f"slopes {list(self._full[1])} for {list(self._full[0])}")

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, *input] -> int16[n, *output]."""
        x, slope = self._numbers(xs)
        below = mbqm(x * (slope - self._sides[1].zero), *self._below)
        return self._made(np.where(x >= 0, mbqm(x, *self._above), below))


class Extreme(_Wide):
    """MAXIMUM and MINIMUM of elements, whatever the scales say."""

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, *shape] of each live operand -> int16[n, *output]."""
        a, b = self._numbers(xs)
        return self._made(np.maximum(a, b) if self._op.kind == "MAXIMUM" else np.minimum(a, b))
