# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED, int8, filters quantized per tensor or per channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.ops import linear
from mcuedit.model.ops.common import limits, operand, require
from mcuedit.model.tflite import Model, Op, Tensor

_BIAS_SCALE_OFF = 0.02  # of an output step: how far a bias may be off


class FullyConnected:
    """y = clamp(zy + MBQM(bias + W (x - zx)))."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        limits(op, y)
        weights, data = linear.int8_weights(model, op, 0)
        geometry = op_geometry(model, op.index)
        require(y.shape[-1:] == (geometry.n_out,), op, f"{geometry.n_out} rows of weights for {list(y.shape)}")
        self._n_in, self._shape = geometry.n_in, y.shape
        self._require_bias_scale(model, op, x, weights, y)
        w = data.astype(np.int64).T - (weights.zero if weights.scale.size == 1 else 0)
        self._w = w.astype(linear.exact_type(w))
        bias = linear.bias(model, op, geometry.n_out)
        self._out = linear.Requantization(op, x, y, w, bias, linear.multipliers(model, op))

    @staticmethod
    def _require_bias_scale(model: Model, op: Op, x: Tensor, weights: Tensor, y: Tensor) -> None:
        bias = operand(model, op, 2)
        if bias is not None and weights.scale.size == 1:
            own = float(bias.scale[0]) if bias.scale.size else 0.0
            off = abs(float(x.scale[0]) * float(weights.scale[0]) - own) / float(y.scale[0])
            require(off <= _BIAS_SCALE_OFF, op, f"the scale of its bias is {own}")

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        (x,) = xs
        total = x.reshape(-1, self._n_in).astype(self._w.dtype) @ self._w
        return self._out(total).reshape(len(x), *self._shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]; saturated outputs pass only what leads back into range."""
        at_sums = self._out.back(grad, y).reshape(-1, self._w.shape[1])
        return ((at_sums @ self._w.astype(np.float32).T).reshape(xs[0].shape),)
