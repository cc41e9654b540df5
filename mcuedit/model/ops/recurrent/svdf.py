# SPDX-License-Identifier: Apache-2.0
"""SVDF: filters of the input, and of what each gave in the last inferences; int8, its state int8 or int16."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import constant, multiplier, operand, refusal, require
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import INT8, INT32, Model, Op, Tensor

_FEATURE, _TIME, _BIAS, STATE = 1, 2, 3, 4  # operands
_RANGES = {INT8: (-128, 127), "INT16": (-(1 << 15), (1 << 15) - 1)}


class Svdf:
    """The first inference; the memory starts as zeros.

    Attributes:
        batches, n_in, rank, memory: sizes. wide: whether the state is int16.
        feature: int8[filters, n_in]. time: int64[filters, memory]. bias: int64[units].
        offset: int64[filters], what the input's zero point takes off a filter's sum.
        into, out: (m, s) to the state and to the output.
    """

    def __init__(self, model: Model, op: Op) -> None:
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        state = _state(model, op)
        feature, time = constant(model, op, _FEATURE, INT8), constant(model, op, _TIME, state.dtype)
        self.rank = int(op.options.get("rank", 0))
        fits = x.dtype == y.dtype == INT8 and len(x.shape) == feature.ndim == time.ndim == 2 and self.rank > 0
        fits = fits and feature.shape[1] == x.shape[1] > 0 and len(feature) == len(time) and len(time) % self.rank == 0
        fits = fits and y.shape == (x.shape[0], len(time) // self.rank) and state.size == x.shape[0] * time.size > 0
        require(fits, op, f"filters {list(feature.shape)} and {list(time.shape)} of {list(x.shape)} to {list(y.shape)}")
        self.batches, self.n_in, self.memory, self.wide = *x.shape, time.shape[1], state.dtype != INT8
        self.feature, self.time = feature.astype(np.int8), time.astype(np.int64)
        self.offset = -x.zero * feature.astype(np.int64).sum(axis=1)
        reach = 255 * np.abs(feature.astype(np.int64)).sum(axis=1)
        require(int(reach.max()) < 1 << 31, op, "the sum of a filter can exceed 32 bits")
        units = len(time) // self.rank
        require(operand(model, op, _BIAS) is not None, op, "a bias that is left out, which TFLM does not survive")
        self.bias = constant(model, op, _BIAS, INT32).ravel().astype(np.int64)
        require(self.bias.size == units, op, f"{self.bias.size} biases for {units} units")
        weights = [model.tensors[op.inputs[i]] for i in (_FEATURE, _TIME)]
        require(all(t.scale.size == 1 and t.zero == 0 for t in weights), op, "weights with several scales")
        self.into, self.out = (multiplier(op, ratio) for ratio in ratios(model, op))
        self.state_zero, self.output_zero, self._range = state.zero, y.zero, _RANGES[state.dtype]

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, batches, n_in] -> int8[n, batches, units]."""
        (x,) = xs
        sums = x.astype(np.int64) @ self.feature.T.astype(np.int64) + self.offset
        now = np.clip(mbqm(sums, *self.into), *self._range)
        if not self.wide:  # the zero point is added without another clamp
            now = (now + self.state_zero).astype(np.int8).astype(np.int64) - self.state_zero
        filtered = now * self.time[:, -1]
        total = self.bias + filtered.reshape(*filtered.shape[:-1], -1, self.rank).sum(axis=-1)
        wrapped = total.astype(np.int32).astype(np.int64)
        return np.asarray(np.clip(mbqm(wrapped, *self.out) + self.output_zero, -128, 127).astype(np.int8))

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """Never asked for: an op that keeps state is not trained through."""
        raise NotImplementedError


def _state(model: Model, op: Op) -> Tensor:
    tensor = operand(model, op, STATE)
    if tensor is None or not tensor.variable or tensor.dtype not in _RANGES or tensor.scale.size != 1:
        raise refusal(op, f"a state that is {'missing' if tensor is None else tensor.dtype}, not kept int8 or int16")
    zero = tensor.zero == 0 or tensor.dtype == INT8
    require(zero and 0 < float(tensor.scale[0]) < np.inf, op, f"a state with zero point {tensor.zero}")
    return tensor
