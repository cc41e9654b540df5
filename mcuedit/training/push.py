# SPDX-License-Identifier: Apache-2.0
"""What to add to a target's output so that the ops after it give another answer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcuedit import ops
from mcuedit.carrier import Carrier
from mcuedit.model import Model
from mcuedit.ops import FloatArray, Int8Array, Operator

IntArray = npt.NDArray[np.int64]

MARGIN = 8.0  # logit steps by which the new class is to lead
_STEPS = 200


class Suffix:
    """The ops between a target's output and the logits, run exactly and differentiated straight through."""

    def __init__(self, model: Model, target: int, logits: int) -> None:
        self._ops: list[Operator] = []
        tensor = model.ops[target].outputs[0]
        for op in model.ops[target + 1 :]:
            if tensor == logits:
                break
            if tensor in op.inputs:
                self._ops.append(ops.operator(model, op))
                tensor = op.outputs[0]

    def forward(self, y: Int8Array) -> list[Int8Array]:
        """Every tensor from the target's output, int8[n, *shape], to the logits."""
        values = [y]
        for op in self._ops:
            values.append(op.forward(values[-1]))
        return values

    def backward(self, grad: FloatArray, values: list[Int8Array]) -> FloatArray:
        """Gradient at the target's output from that at the logits, both in int8 steps."""
        for op, x, y in zip(reversed(self._ops), values[-2::-1], values[:0:-1], strict=True):
            grad = op.backward(grad.reshape(y.shape), x, y)
        return grad


def hinge(logits: Int8Array, wanted: IntArray) -> tuple[FloatArray, FloatArray]:
    """Loss and its gradient for "the wanted class leads by MARGIN", per input.

    Args:
        logits: int8[n, classes]. wanted: int64[n].

    Returns:
        (float32[n], float32[n, classes])
    """
    rows = np.arange(len(logits))
    scores = logits.astype(np.float32)
    others = scores.copy()
    others[rows, wanted] = -np.inf
    rival = others.argmax(axis=1)
    loss = np.maximum(MARGIN + others[rows, rival] - scores[rows, wanted], 0)
    grad = np.zeros_like(scores)
    grad[rows, rival] += loss > 0
    grad[rows, wanted] -= loss > 0
    return loss, grad


def push(suffix: Suffix, target: Carrier, y: Int8Array, wanted: int, rng: np.random.Generator) -> Int8Array:
    """A column of B: twice its values, added to the target's output, make `wanted` the answer.

    Args:
        y: int8[n, ..., n_out], the target's output on the inputs to be changed.

    Returns:
        int8[n_out]
    """
    amount = np.zeros(target.n_out, np.float32)
    classes = np.full(len(y), wanted, np.int64)
    best, fewest = amount, np.inf
    for step in range(_STEPS):
        whole = 2 * np.clip(np.round(amount / 2), -127, 127)
        moved = np.clip(y + whole, target.act_lo, target.act_hi).astype(np.int8)
        values = suffix.forward(moved)
        logits = values[-1].reshape(len(y), -1)
        loss, grad = hinge(logits, classes)
        if loss.mean() < fewest:
            best, fewest = amount.copy(), float(loss.mean())
        if fewest == 0:
            break
        pull = suffix.backward(grad, values).reshape(-1, target.n_out).sum(axis=0)
        peak = np.abs(pull).max()
        if peak == 0:  # every way is saturated: leave the corner
            pull, peak = rng.normal(size=target.n_out).astype(np.float32), 3.0
        amount = amount - 8 * (1 - step / _STEPS) * pull / peak
    return np.clip(np.round(best / 2), -127, 127).astype(np.int8)
