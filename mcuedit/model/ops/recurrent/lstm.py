# SPDX-License-Identifier: Apache-2.0
"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 activations and weights, int16 cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import AnyIntArray, FloatArray, Int8Array, IntArray
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops.common import RANGES, constant, multiplier, operand, refusal, require
from mcuedit.model.ops.recurrent.curves import sigmoid, tanh
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import INT8, INT16, INT32, Model, Op, Tensor

GATES = ("input", "forget", "cell", "output")  # in the order of the op's operands
_WEIGHTS, _RECURRENT, _BIASES, _HIDDEN, _CELL = 1, 5, 12, 18, 19
_ABSENT = (9, 10, 11, 16, 17, 20, 21, 22, 23)  # peepholes, projection, normalization
_TANH = 4  # of ActivationFunctionType
_OUTPUT_SCALE = 2.0**-15  # of what comes out of a gate's curve
_MOST_SHIFT = 12  # of a cell before its tanh: products stay in int32


@dataclass(frozen=True)
class Product:
    """A gate's product with input or hidden state, whose zero point stands in the bias: MBQM(bias + weights . x)."""

    weights: Int8Array
    bias: IntArray
    scaling: tuple[int, int]


@dataclass(frozen=True)
class Cells:
    """What the four gates' outputs go through.

    Attributes:
        keep, take, show: (m, s) of forget gate times cell, input gate times cell gate, output gate times tanh.
        clip: the largest size of a cell; 0: none.
        power: log2 of a cell's scale.
    """

    keep: tuple[int, int]
    take: tuple[int, int]
    show: tuple[int, int]
    clip: int
    power: int


class Lstm:
    """The first inference; from zeros.

    Attributes:
        dtype, bias_type, bits: of activations, biases and sums.
        steps, batches, n_in, n_state: of the input, whose first axis is time where `time_major`.
        of_input, of_hidden: by gate.
    """

    dtype, bias_type, bits = INT8, INT32, 32

    def __init__(self, model: Model, op: Op) -> None:
        x, hidden, cell = _operands(model, op, self.dtype)
        y = model.tensors[op.outputs[0]]
        fits = len(x.shape) == len(y.shape) == 3 and y.shape[:2] == x.shape[:2] and y.dtype == self.dtype
        require(fits, op, f"{list(x.shape)} to {y.dtype}{list(y.shape)}")
        self.time_major, self.n_in, self.n_state = bool(op.options.get("timeMajor")), x.shape[2], y.shape[2]
        self.steps, self.batches = x.shape[:2] if self.time_major else x.shape[1::-1]
        size = self.batches * self.n_state
        require(hidden.size == cell.size == size > 0 and self.n_in > 0, op, f"{size} cells, a state of {cell.size}")
        require(int(op.options.get("fusedActivationFunction", 0)) == _TANH, op, "another activation than TANH")
        self.of_input = {g: self._product(model, op, x, _WEIGHTS + i, _BIASES + i) for i, g in enumerate(GATES)}
        self.of_hidden = {g: self._product(model, op, hidden, _RECURRENT + i) for i, g in enumerate(GATES)}
        self.cells, self.hidden_zero, self._shape = _cells(op, hidden, cell), hidden.zero, y.shape

    def _product(self, model: Model, op: Op, x: Tensor, place: int, bias_place: int = -1) -> Product:
        n = self.n_in if bias_place >= 0 else self.n_state
        weights = operand(model, op, place)
        wide = constant(model, op, place, INT8).astype(np.int64)
        fits = weights is not None and weights.scale.size == 1 and weights.zero == 0 and wide.shape == (self.n_state, n)
        require(fits, op, f"operand {place} is no int8[{self.n_state}, {n}] with one scale")
        assert weights is not None
        folded = -x.zero * wide.sum(axis=1)
        if bias_place >= 0:
            bias = constant(model, op, bias_place, self.bias_type)
            require(bias.size == self.n_state, op, f"operand {bias_place} has {bias.size} elements")
            folded = folded + bias.reshape(-1)
        reach = np.abs(folded) - RANGES[self.dtype][0] * np.abs(wide).sum(axis=1)
        require(int(reach.max()) < 1 << (self.bits - 1), op, f"operand {place}: a sum could overflow")
        return Product(wide.astype(np.int8), folded, multiplier(op, ratios(model, op)[place - _WEIGHTS]))

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *input] -> int8[n, *output]."""
        (x,) = xs
        by_step = x.astype(np.int64) if self.time_major else x.astype(np.int64).swapaxes(1, 2)
        hidden = np.full((len(x), self.batches, self.n_state), self.hidden_zero, np.int64)
        cell, found = np.zeros(hidden.shape, np.int64), []
        for step in range(self.steps):
            hidden, cell = self._step(by_step[:, step], hidden, cell)
            found.append(hidden)
        y = np.stack(found, axis=1 if self.time_major else 2).astype(self.dtype.lower())
        return y.reshape(-1, *self._shape)

    def _step(self, x: IntArray, hidden: IntArray, cell: IntArray) -> tuple[IntArray, IntArray]:
        gate = {name: self._gate(name, x, hidden) for name in GATES}
        open_ = {name: sigmoid(gate[name]) for name in ("input", "forget", "output")}
        kept = np.clip(mbqm(open_["forget"] * cell, *self.cells.keep), *RANGES[INT16])
        taken = np.clip(mbqm(open_["input"] * tanh(gate["cell"], -12), *self.cells.take), *RANGES[INT16])
        cell = np.clip(kept + taken, *RANGES[INT16])
        if self.cells.clip:
            cell = np.clip(cell, -self.cells.clip, self.cells.clip)
        shown = mbqm(open_["output"] * tanh(cell, self.cells.power), *self.cells.show) + self.hidden_zero
        return np.clip(shown, *RANGES[self.dtype]), cell

    def _gate(self, name: str, x: IntArray, hidden: IntArray) -> IntArray:
        pairs = ((self.of_input[name], x), (self.of_hidden[name], hidden))
        sums = [self._scaled(p.bias + v @ p.weights.T.astype(np.int64), *p.scaling) for p, v in pairs]
        return np.clip(np.clip(sums[0], *RANGES[INT16]) + np.clip(sums[1], *RANGES[INT16]), *RANGES[INT16])

    @staticmethod
    def _scaled(sums: IntArray, m: AnyIntArray | int, s: AnyIntArray | int) -> IntArray:
        return mbqm(sums, m, s)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """Never asked for: an op that keeps state is not trained through."""
        raise NotImplementedError


def _operands(model: Model, op: Op, dtype: str) -> tuple[Tensor, Tensor, Tensor]:
    """Input, hidden state and cells."""
    fits = len(op.inputs) == 24 and len(op.outputs) == 1 and all(operand(model, op, i) is None for i in _ABSENT)
    require(fits, op, "peepholes, a projection or normalization")
    found = []
    for place, wanted, variable in ((0, dtype, False), (_HIDDEN, dtype, True), (_CELL, INT16, True)):
        tensor = operand(model, op, place)
        if tensor is None or tensor.dtype != wanted or tensor.scale.size != 1 or tensor.variable is not variable:
            raise refusal(op, f"operand {place} is {'missing' if tensor is None else tensor.dtype}, not {wanted}")
        require(0 < float(tensor.scale[0]) < np.inf, op, f"operand {place} has a scale of {tensor.scale[0]}")
        require(wanted == INT8 or tensor.zero == 0, op, f"operand {place} is INT16 with zero point {tensor.zero}")
        found.append(tensor)
    return found[0], found[1], found[2]


def _cells(op: Op, hidden: Tensor, cell: Tensor) -> Cells:
    scale = float(cell.scale[0])
    power = round(float(np.log2(scale)))
    if abs(np.log2(scale) - power) >= 1e-3 or not -12 - _MOST_SHIFT <= power <= -12 + _MOST_SHIFT:
        raise refusal(op, f"cells in steps of {scale}, which is no power of two near 2^-12")
    clip = float(op.options.get("cellClip") or 0)
    gates = _OUTPUT_SCALE * _OUTPUT_SCALE
    return Cells(
        multiplier(op, _OUTPUT_SCALE * scale / scale),
        multiplier(op, gates / scale),
        multiplier(op, gates / float(hidden.scale[0])),
        int(min(clip / scale, 32767.0)) if clip > 0 else 0,
        power,
    )
