# SPDX-License-Identifier: Apache-2.0
"""Ops after a trained one, with gradients in integers (SPEC.md, section 13): the twin of what is in firmware/train.

Only the direction of a gradient matters, because a step is as long as its rate says. Hence a gradient is int16 up to a
common factor, and halved whenever it would grow beyond what its next sum can bear.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.adapter.forward import logits_tensor
from mcuedit.model import ops
from mcuedit.model.adaptable import is_weighted, op_geometry
from mcuedit.model.ops import linear
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.conv import dense
from mcuedit.model.ops.elementwise.table import Table
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window

LEAK = 3  # what leads a clamped value back into range counts for 1/8


class BackwardLayer(Protocol):
    """One op on flat arrays of one sample."""

    kind: str
    index: int

    def forward(self, x: Int8Array) -> Int8Array: ...

    def backward(self, x: Int8Array, y: Int8Array, g: IntArray) -> IntArray:
        """Gradient by the input, int32, from that by the output."""
        ...


def unclamped(g: IntArray, y: Int8Array, lo: int, hi: int) -> IntArray:
    """The part of a gradient that passes a clamp."""
    low, high = y <= lo, y >= hi
    blocked = (low & (g > 0)) | (high & (g < 0))
    return np.where(blocked, 0, np.where(low | high, g >> LEAK, g)).astype(np.int64)


class Weighted:
    """What ops with weights have in common.

    Args:
        weights: int64[n_out, n_in], as they meet the input at a position.
    """

    def __init__(self, model: Model, op: Op, weights: IntArray) -> None:
        self.kind, self.index, self._op = op.kind, op.index, ops.operator(model, op)
        self.w, self._shape = weights, model.tensors[op.inputs[0]].shape
        self._lo, self._hi = limits(op, model.tensors[op.outputs[0]])
        self._scales = np.array(linear.multipliers(model, op), np.int64)

    def forward(self, x: Int8Array) -> Int8Array:
        return self._op.forward(x.reshape(1, *self._shape)).reshape(-1)

    def at_sums(self, y: Int8Array, g: IntArray) -> IntArray:
        """The gradient by the sums of every position, int64[positions, n_out], up to a common factor."""
        g = unclamped(g, y, self._lo, self._hi).reshape(-1, len(self.w))
        if len(self._scales) == 1:
            return g
        m, s = self._scales.T
        found: IntArray = (g * (m >> 16)) >> np.minimum(15 + s.max() - s, 31)
        return found


class FullyConnected(Weighted):
    """FULLY_CONNECTED, and CONV_2D whose windows are single pixels."""

    def __init__(self, model: Model, op: Op) -> None:
        geometry = op_geometry(model, op.index)
        weights, data = linear.int8_weights(model, op, 0)
        zero = weights.zero if weights.scale.size == 1 else 0
        super().__init__(model, op, data.reshape(geometry.n_out, -1).astype(np.int64) - zero)

    def backward(self, x: Int8Array, y: Int8Array, g: IntArray) -> IntArray:
        return (self.at_sums(y, g) @ self.w).reshape(-1)


class Gathered(Weighted):
    """A CONV_2D as the trained op, on what lies under its windows: int8[positions * elements]."""

    def __init__(self, model: Model, op: Op) -> None:
        data = linear.int8_weights(model, op, 0)[1]
        super().__init__(model, op, data.reshape(len(data), -1).astype(np.int64))
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        bias, scales = linear.bias(model, op, len(data)), linear.multipliers(model, op)
        self._out = linear.Requantization(op, x, y, self.w.T, bias, scales)

    def forward(self, x: Int8Array) -> Int8Array:
        return self._out(x.reshape(-1, self.w.shape[1]).astype(np.int64) @ self.w.T).reshape(-1)


class Convolution(Weighted):
    """CONV_2D of one group and DEPTHWISE_CONV_2D, whatever their windows are."""

    def __init__(self, model: Model, op: Op) -> None:
        x, over = model.tensors[op.inputs[0]], window(model, op)
        if op.kind == "CONV_2D":
            data = linear.int8_weights(model, op, 0)[1]
        else:
            data = linear.int8_weights(model, op, 3)[1].transpose(3, 1, 2, 0)
        super().__init__(model, op, dense(op, data, over.in_c).reshape(len(data), -1))
        places = np.arange(x.size).reshape(1, over.batches, over.in_h, over.in_w, over.in_c)
        self._at = over.patches(places, -1)[0]  # type: ignore[arg-type]

    def backward(self, x: Int8Array, y: Int8Array, g: IntArray) -> IntArray:
        acc, inside = np.zeros(x.size, np.int64), self._at >= 0
        np.add.at(acc, self._at[inside], (self.at_sums(y, g) @ self.w)[inside])
        return acc


class Lookup:
    """An op whose every output element depends on one input element: half the rise of its table around it."""

    def __init__(self, model: Model, op: Op) -> None:
        self.kind, self.index = op.kind, op.index
        self.table = Table(model, op).table

    def forward(self, x: Int8Array) -> Int8Array:
        return self.table[x.astype(np.int64) + 128]

    def backward(self, x: Int8Array, y: Int8Array, g: IntArray) -> IntArray:
        at, table = x.astype(np.int64) + 128, self.table.astype(np.int64)
        return g * (table[np.minimum(at + 1, 255)] - table[np.maximum(at - 1, 0)])


class Pool:
    """AVERAGE_POOL_2D and MAX_POOL_2D: shares for all under a window, or all for the first largest."""

    def __init__(self, model: Model, op: Op) -> None:
        self.kind, self.index, self._op = op.kind, op.index, ops.operator(model, op)
        x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
        over = window(model, op)
        self._shape, (self._lo, self._hi) = x.shape, limits(op, y)
        places = np.arange(x.size).reshape(1, over.batches, over.in_h, over.in_w, over.in_c)
        self._at = over.patches(places, -1).reshape(over.positions, -1, over.in_c)  # type: ignore[arg-type]

    def forward(self, x: Int8Array) -> Int8Array:
        return self._op.forward(x.reshape(1, *self._shape)).reshape(-1)

    def backward(self, x: Int8Array, y: Int8Array, g: IntArray) -> IntArray:
        g = unclamped(g, y, self._lo, self._hi).reshape(self._at.shape[0], 1, -1)
        acc, inside = np.zeros(x.size, np.int64), self._at >= 0
        if self.kind == "AVERAGE_POOL_2D":
            count = inside.sum(axis=1, keepdims=True)
            share = np.sign(g) * (np.abs(g) * 64 // count)
            np.add.at(acc, self._at[inside], np.broadcast_to(share, self._at.shape)[inside])
            return acc
        values = np.where(inside, x.astype(np.int64)[self._at], -129)
        best = values.argmax(axis=1)[:, None]
        np.add.at(acc, np.take_along_axis(self._at, best, axis=1), g)
        return acc


def target(model: Model, op: Op) -> FullyConnected | Gathered:
    """The trained op; its input is rows, gathered where it has windows (`OpGeometry.positions_of`)."""
    return FullyConnected(model, op) if op_geometry(model, op.index).window is None else Gathered(model, op)


def backward_layers(model: Model, target: int) -> list[BackwardLayer]:
    """The ops from the target's output to the logits, RESHAPE left out.

    Raises:
        McueditError: there is one between them that the device has no gradient of.
    """
    found: list[BackwardLayer] = []
    if not is_weighted(model, model.ops[target]):
        raise McueditError(
            f"op {target} {model.ops[target].kind} has no weights: no factors are trained there", "train another op"
        )
    end, now = logits_tensor(model), model.ops[target].outputs[0]
    for op in model.ops[target + 1 :]:
        if now == end:
            break
        if now not in op.inputs or not model.is_core(op):
            continue
        if op.kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
            found.append(Pool(model, op))
        elif op.kind == "FULLY_CONNECTED" or (is_weighted(model, op) and window(model, op).is_pixels):
            found.append(FullyConnected(model, op))
        elif op.kind == "DEPTHWISE_CONV_2D" or is_weighted(model, op):
            found.append(Convolution(model, op))
        elif op.kind in _LOOKUPS:
            found.append(Lookup(model, op))
        elif op.kind != "RESHAPE":
            raise _no_way(op, "it is grouped" if op.kind == "CONV_2D" else "the device has no gradient of it")
        now = op.outputs[0]
    if now != end:
        raise McueditError(f"op {target} does not lead to the logits alone", "train a later op")
    return found


_LOOKUPS = ("HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "QUANTIZE", "RELU", "RELU6", "TANH")


def _no_way(op: Op, why: str) -> McueditError:
    return McueditError(
        f"op {op.index} {op.kind} lies between the trained op and the logits: {why}", "train a later op"
    )
