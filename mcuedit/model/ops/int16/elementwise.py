# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE from or to 16 bits, ABS, RSQRT, RELU, RELU6, LEAKY_RELU, LOGISTIC and TANH of 16-bit elements."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from mcuedit._util.typing import Int16Array, IntArray
from mcuedit.model import gemmlowp
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import RANGES, multiplier, require
from mcuedit.model.ops.elementwise.curves import ROOT_SHIFT
from mcuedit.model.ops.int16.common import MOST, Wide
from mcuedit.model.ops.recurrent.curves import scaled_sigmoid, scaled_tanh
from mcuedit.model.rims import CORE
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import Model, Op

_LEAST_SCALE = 2.0**-28  # of an input that RELU6 cuts at 6
_MOST_SHIFT = 31


class _Elements(Wide):
    """Input and output of one size."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(op)
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        require(len(op.inputs) == 1 and x.size == y.size, op, f"{list(x.shape)} does not become {list(y.shape)}")
        self._x, self._y = x, y

    def forward(self, *xs: Int16Array) -> Int16Array:
        """[n, *input] -> [n, *output]."""
        return self._made(xs[0].astype(np.int64)).astype(CORE[self._y.dtype]).reshape(-1, *self._y.shape)

    def _made(self, x: IntArray) -> IntArray:
        raise NotImplementedError


class Rescale(_Elements):
    """QUANTIZE and RELU: y = clamp(zy + MBQM(x - zx)).

    Attributes:
        scaling: (m, s). bounds: of the output.
    """

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        low, high = RANGES[self._y.dtype]
        if op.kind == "RELU":
            (ratio,), low = ratios(model, op), self._y.zero
        else:
            ratio = float(self._x.scale[0]) / float(self._y.scale[0])
        self.scaling, self.bounds = multiplier(op, ratio), (low, high)

    def _made(self, x: IntArray) -> IntArray:
        return np.clip(mbqm(x - self._x.zero, *self.scaling) + self._y.zero, *self.bounds)


class Absolute(_Elements):
    """|x|, rescaled.

    Attributes:
        scaling: (m, s).
    """

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        (ratio,) = ratios(model, op)
        self.scaling = multiplier(op, ratio)

    def _made(self, x: IntArray) -> IntArray:
        return np.minimum(mbqm(np.abs(x), *self.scaling), MOST)


class Rsqrt(_Elements):
    """1 / sqrt(x); 0 gives the largest value, and what is below 0, where TFLM stops, does so too.

    Attributes:
        scaling: (m, s), of a root less its fraction bits.
    """

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        (ratio,) = ratios(model, op)
        m, s = multiplier(op, ratio)
        require(s >= -_MOST_SHIFT + ROOT_SHIFT, op, f"scales {self._x.scale[0]} and {self._y.scale[0]}")
        self.scaling = m, s - ROOT_SHIFT

    def _made(self, x: IntArray) -> IntArray:
        values, places = np.unique(np.maximum(x, 0), return_inverse=True)
        m, s = np.array([_root(int(value)) for value in values], np.int64).T
        found = mbqm(mbqm(np.ones(values.shape, np.int64), m, s + ROOT_SHIFT), *self.scaling)
        return np.where(values > 0, np.minimum(found, MOST), MOST)[places.reshape(x.shape)]


_root = cache(gemmlowp.inverse_sqrt)


class Relu6(_Elements):
    """Clamps elements by the input's quantization and takes no notice of the output's.

    Attributes:
        top: what stands for 6.
    """

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        require(float(self._x.scale[0]) > _LEAST_SCALE, op, f"steps of {self._x.scale[0]}")
        self.top = min(MOST, math.floor(float(np.float32(6) / self._x.scale[0]) + 0.5))

    def _made(self, x: IntArray) -> IntArray:
        return np.clip(x, 0, self.top)


class LeakyRelu(_Elements):
    """Elements below 0 have a multiplier of their own, and its sign.

    Attributes:
        above, below: (m, s). sign: of what is below.
    """

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        above, below = ratios(model, op)
        require(math.isfinite(below), op, f"alpha {op.options.get('alpha')}")
        self.above, self.below = multiplier(op, above), multiplier(op, abs(below)) if below else (0, 0)
        self.sign = -1 if below < 0 else 1

    def _made(self, x: IntArray) -> IntArray:
        found = np.where(x >= 0, mbqm(x, *self.above), self.sign * mbqm(x, *self.below))
        return np.clip(found, *RANGES[self._y.dtype])


class Curve(_Elements):
    """LOGISTIC and TANH: linear between the entries of a table, over steps of 1 / (3 * 4096).

    Attributes:
        factor, shift: to such steps: a product, and a rounding division by a power of two.
    """

    exact: tuple[int, ...]  # log2 of input scales times 4096 that need no rounding

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        scale, out = float(self._x.scale[0]), float(self._y.scale[0])
        require(abs(math.log2(out) + 15) < 1e-3, op, f"an output in steps of {out}, not of 1/32768")
        power = math.log2(scale) + 12
        if round(power) in self.exact and abs(power - round(power)) < 1e-3:
            self.factor, self.shift = 3 << round(power), 0
            return
        real, self.shift = scale * 4096.0 * 3.0, 0
        while real <= 32767.0 / 2.0 and self.shift <= 30:
            self.shift, real = self.shift + 1, real * 2.0
        require(real < 32768 and self.shift < _MOST_SHIFT, op, f"an input in steps of {scale}")
        self.factor = int(real)

    def _argument(self, x: IntArray) -> IntArray:
        return (x * self.factor + (1 << self.shift >> 1)) >> self.shift


class Logistic(Curve):
    """1 / (1 + exp(-x)), in 15 bits."""

    exact = (0,)

    def _made(self, x: IntArray) -> IntArray:
        return scaled_sigmoid(self._argument(x))


class Tanh(Curve):
    """2 / (1 + exp(-2 x)) - 1, in 15 bits."""

    exact = (0, 1)

    def _made(self, x: IntArray) -> IntArray:
        return scaled_tanh(self._argument(x))
