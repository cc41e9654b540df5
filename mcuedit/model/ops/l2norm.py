# SPDX-License-Identifier: Apache-2.0
"""L2_NORMALIZATION over the last axis, int8 to int8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model import gemmlowp
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import require, unclamped
from mcuedit.model.tflite import Model, Op

_OUTPUT_BITS = 7  # the output's step is 1/128
_MOST_DEPTH = 33025  # squares of a difference of bytes that an int32 holds the sum of
_LIMITS = (-128, 127)


class L2Normalization:
    """Divided by the root of the sum of squares; output scale 1/128, zero point 0."""

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        fits = x.shape == y.shape and 0 < len(x.shape) <= 4 and 0 < x.shape[-1] <= _MOST_DEPTH
        require(fits, op, f"{list(x.shape)} does not become {list(y.shape)}")
        require(float(y.scale[0]) == 1 / 128 and y.zero == 0, op, f"an output of scale {y.scale[0]}, not 1/128")
        require(op.options.get("fusedActivationFunction", 0) == 0, op, "a fused activation")
        self._zero = x.zero

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, ..., depth] -> the same shape."""
        values = xs[0].astype(np.int64) - self._zero
        sums = (values * values).sum(axis=-1, keepdims=True)
        roots = np.array([gemmlowp.inverse_sqrt(int(total)) for total in sums.reshape(-1)], np.int64).reshape(-1, 2)
        m, s = roots[:, 0].reshape(sums.shape), roots[:, 1].reshape(sums.shape)
        return np.asarray(np.clip(mbqm(values, m, s + _OUTPUT_BITS), *_LIMITS).astype(np.int8))

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, ..., depth], by the real function."""
        values = xs[0].astype(np.float32) - np.float32(self._zero)
        size = np.sqrt(np.maximum((values * values).sum(axis=-1, keepdims=True), 1))
        unit, free = values / size, unclamped(grad, y, *_LIMITS)
        back = (free - unit * (free * unit).sum(axis=-1, keepdims=True)) * (np.float32(1 << _OUTPUT_BITS) / size)
        return (np.asarray(back, np.float32),)
