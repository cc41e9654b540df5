# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED, CONV_2D and DEPTHWISE_CONV_2D: 16-bit activations, int8 weights, per tensor or per channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcuedit._util.typing import Int16Array, IntArray
from mcuedit.model.ops.common import operand, require
from mcuedit.model.ops.conv import dense
from mcuedit.model.ops.int16.common import Requantization, Wide, bias
from mcuedit.model.ops.linear import int8_weights, multipliers
from mcuedit.model.ops.windows import elements, padded
from mcuedit.model.tflite import INT16, Model, Op, Tensor
from mcuedit.model.windows import window

_BIAS_SCALE_OFF = 0.02  # of an output step: how far a bias may be off
_REACH = 1 << 15  # of an int16


def require_bias_scale(model: Model, op: Op) -> None:
    """Raises where a bias is in other steps than the sums, of weights with one scale."""
    x, weights, y = (model.tensors[i] for i in (*op.inputs[:2], op.outputs[0]))
    found = operand(model, op, 2)
    if found is not None and weights.scale.size == 1:
        own = float(found.scale[0]) if found.scale.size else 0.0
        off = abs(float(x.scale[0]) * float(weights.scale[0]) - own) / float(y.scale[0])
        require(off <= _BIAS_SCALE_OFF, op, f"the scale of its bias is {own}")


def exact_product(x: Int16Array, w: IntArray) -> IntArray:
    """int16[rows, n] times int64[n, channels], exactly: float64 holds sums of 2**30 products."""
    return np.asarray((x.astype(np.float64) @ w.astype(np.float64)).astype(np.int64))


class FullyConnected(Wide):
    """y = clamp(MBQM(bias + W x))."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(op)
        self._n_in, self._w, self._bias = matrix(model, op)
        y = model.tensors[op.outputs[0]]
        reach = _REACH * np.abs(self._w).sum(axis=0) + np.abs(self._bias)
        self._shape = y.shape
        self._out = Requantization(op, y, reach, multipliers(model, op), bias(model, op, len(self._bias))[1])

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, *input] -> int16[n, *output]."""
        sums = exact_product(xs[0].reshape(-1, self._n_in), self._w) + self._bias
        return self._out(sums).reshape(len(xs[0]), *self._shape)


class Conv(Wide):
    """A matrix product over the patches under each window."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(op)
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        require_wide(op, x, y)
        self._window, self._shape = window(model, op), y.shape
        _, data = int8_weights(model, op, 0)
        require(len(data) == y.shape[3], op, f"{len(data)} filters for {y.shape[3]} channels")
        self._w = dense(op, data, x.shape[3]).reshape(len(data), -1).T
        self._bias, long = bias(model, op, len(data))
        reach = _REACH * np.abs(self._w).sum(axis=0) + np.abs(self._bias)
        self._out = Requantization(op, y, reach, multipliers(model, op), long)

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, batches, h, w, c_in] -> int16[n, batches, h', w', c_out]."""
        x: Any = xs[0]  # elements of any size
        rows: Any = self._window.patches(x, 0).reshape(-1, self._window.elements)
        return self._out(exact_product(rows, self._w) + self._bias).reshape(len(xs[0]), *self._shape)


class Depthwise(Wide):
    """Output channel k of an input channel c reads that channel alone: c * multiplier + k."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(op)
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        require_wide(op, x, y)
        self._window, self._shape = window(model, op), y.shape
        _, data = int8_weights(model, op, 3)
        self._times = int(op.options.get("depthMultiplier", 0))
        channels = x.shape[3] * self._times
        fits = data.shape[0] == 1 and data.shape[3] == y.shape[3] == channels > 0
        require(fits, op, f"depth multiplier {self._times} with filters of shape {list(data.shape)}")
        require(op.inputs[2:] != (-1,), op, "a bias that is named but left out, which TFLM does not survive")
        self._bias, long = bias(model, op, channels)
        require(long or len(op.inputs) < 3, op, "its bias is INT32, TensorFlow Lite Micro reads one of INT64")
        self._w = data[0].astype(np.int64)
        reach = _REACH * np.abs(self._w).sum(axis=(0, 1)) + np.abs(self._bias)
        self._out = Requantization(op, y, reach, multipliers(model, op), long=True)

    def forward(self, *xs: Int16Array) -> Int16Array:
        """int16[n, batches, h, w, c] -> int16[n, batches, h', w', c * multiplier]."""
        (x,) = xs
        around = padded(self._window, np.repeat(x, self._times, axis=-1), 0, np.int64)
        total = np.zeros((len(around), *self._shape[1:]), np.int64) + self._bias
        for i, j, view in elements(self._window, around):
            total += view * self._w[i, j]
        return self._out(total).reshape(len(x), *self._shape)


def matrix(model: Model, op: Op) -> tuple[int, IntArray, IntArray]:
    """Inputs, weights less their zero point int64[inputs, outputs], and bias of a FULLY_CONNECTED.

    Raises:
        McueditError: they do not fit its input and output.
    """
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    weights, data = int8_weights(model, op, 0)
    require_wide(op, x, y)
    require(data.ndim == 2 and data.size > 0, op, f"its weights have the shape {list(data.shape)}")
    require(op.options.get("weightsFormat", 0) == 0, op, "its weights are shuffled")
    n_out, n_in = data.shape
    fits = x.size % n_in == 0 and y.size == x.size // n_in * n_out and y.shape[-1:] == (n_out,)
    require(fits, op, f"shapes {list(x.shape)}, {list(data.shape)}, {list(y.shape)} do not fit")
    require_bias_scale(model, op)
    zero = weights.zero if weights.scale.size == 1 else 0  # TFLM takes it off weights with one scale alone
    return n_in, data.astype(np.int64).T - zero, bias(model, op, n_out)[0]


def require_wide(op: Op, *tensors: Tensor) -> None:
    """Raises unless all have 16 bits."""
    for t in tensors:
        require(t.dtype == INT16, op, f"tensor {t.name!r} is {t.dtype} beside 16-bit activations")
