# SPDX-License-Identifier: Apache-2.0
"""What others would do with a few recordings of a new keyword: keep them and compare, or tune the last layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import DoubleArray, Int8Array, IntArray
from mcuedit.model.tflite import Model, Op

_STEPS = 300


def nearness(rows: Int8Array, stored: Int8Array) -> DoubleArray:
    """Minus the distance of each row to the nearest stored one: float64[n]."""
    x, s = rows.astype(np.float64), stored.astype(np.float64)
    square = np.square(x).sum(axis=1)[:, None] - 2 * x @ s.T + np.square(s).sum(axis=1)
    return np.asarray(-np.sqrt(np.maximum(square.min(axis=1), 0)))


@dataclass(frozen=True)
class Tuned:
    """A last layer in real units, as it was and tuned: weights float64[classes, n_in], biases float64[classes].

    Attributes:
        size: bytes of what changed.
    """

    old: tuple[DoubleArray, DoubleArray]
    new: tuple[DoubleArray, DoubleArray]
    step: float
    zero: int
    input_scale: float
    input_zero: int
    size: int

    def logits(self, rows: Int8Array, new: bool) -> IntArray:
        """In steps of the output."""
        weights, biases = self.new if new else self.old
        real = (rows.astype(np.float64) - self.input_zero) * self.input_scale @ weights.T + biases
        return np.asarray(np.clip(np.round(real / self.step) + self.zero, -128, 127).astype(np.int64))

    def lead(self, rows: Int8Array, wanted: int) -> DoubleArray:
        """How far a class leads the best other one, float64[n]."""
        weights, biases = self.new
        real = (rows.astype(np.float64) - self.input_zero) * self.input_scale @ weights.T + biases
        return np.asarray(real[:, wanted] - np.delete(real, wanted, axis=1).max(axis=1))


def tuned_last_layer(model: Model, op: Op, rows: Int8Array, classes: IntArray) -> Tuned:
    """Softmax regression from where the layer stands, on recordings of the keyword and of what is to stay.

    Both weigh as much. Weights stay on their int8 grid at the end, as a file would hold them.

    Raises:
        McueditError: the layer is none with weights of one scale.
    """
    x_in, w_in, out = (model.tensors[t] for t in (op.inputs[0], op.inputs[1], op.outputs[0]))
    stored = w_in.data
    if op.kind != "FULLY_CONNECTED" or stored is None:
        raise McueditError(f"op {op.index} is {op.kind}, no layer that can be tuned alone", "give a keyword net")
    grid, scale_in = np.asarray(w_in.scale, np.float64).reshape(-1, 1), float(x_in.scale[0])
    start = stored.reshape(out.size, -1).astype(np.float64)
    bias = model.tensors[op.inputs[2]].data if len(op.inputs) > 2 and op.inputs[2] >= 0 else None
    b = np.zeros(out.size) if bias is None else bias.astype(np.float64) * grid[:, 0] * scale_in
    x = (rows.astype(np.float64) - x_in.zero) * scale_in
    new = classes == classes[0]
    weigh = np.where(new, 0.5 / max(new.sum(), 1), 0.5 / max((~new).sum(), 1))[:, None]
    target = np.eye(out.size)[classes]
    rate = 2 / max(float(np.square(x).sum(axis=1).mean()), 1e-9)
    w, c = start * grid, b.copy()
    for _ in range(_STEPS):
        z = x @ w.T + c
        p = np.exp(z - z.max(axis=1, keepdims=True))
        error = weigh * (p / p.sum(axis=1, keepdims=True) - target)
        w -= rate * error.T @ x
        c -= rate * error.sum(axis=0)
    held = np.clip(np.round(w / grid), -127, 127)
    changed = int((held != start).sum())
    return Tuned((start * grid, b), (held * grid, c), float(out.scale[0]), out.zero, scale_in, x_in.zero, changed)
