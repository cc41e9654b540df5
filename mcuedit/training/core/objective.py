# SPDX-License-Identifier: Apache-2.0
"""Losses at the logits or at an output vector: what edits want, and what must stay.

Gradients are by int8 steps of the tensor that the objective is read from, and a mean over the samples they are for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.edits import Wanted
from mcuedit.edits.wanted import ALL, Avoid, Over, ToClass, ToVector
from mcuedit.evaluation.tensors import REACHED, reached
from mcuedit.model.tflite import Model


@dataclass(frozen=True)
class ObjectiveConfig:
    """What counts how much.

    Attributes:
        margin: logit steps by which the wanted class is to lead.
        keep: weight of what must stay, against the edits.
        cross_entropy: weight of it beside the hinge.
        same: share of the typical error that a kept vector may change and still count as kept.
    """

    margin: float = 8.0
    keep: float = 10.0
    cross_entropy: float = 0.02
    same: float = 0.01


@dataclass(frozen=True)
class Judged:
    """How samples do: a loss each, its gradient, and whether each is as it should be."""

    loss: FloatArray
    grad: FloatArray
    good: BoolArray


class Objective:
    """What the samples of a table are to become at tensor `end`.

    Attributes:
        end: the tensor: the output for vectors, else the logits.
        wanted: of the edited samples. edit: int64[e], which they are, ascending.
    """

    def __init__(
        self, model: Model, wanted: Wanted, edit: IntArray, before: Int8Array, config: ObjectiveConfig
    ) -> None:
        """`edit` int64[e] are the samples that `wanted` is about; before int8[n, size] is `end` today, for all."""
        self._config = config
        self.wanted = wanted
        self.end = end_tensor(model, wanted)
        tensor = model.tensors[self.end]
        self._scale = float(tensor.scale[0])
        self._before = before
        self._place = np.full(len(before), -1)
        self.edit = edit
        self._place[edit] = np.arange(len(edit))
        self._vectors: FloatArray | None = None
        if isinstance(wanted, ToVector):
            flat = wanted.vectors.reshape(len(wanted), -1)
            self._vectors = (flat / self._scale + tensor.zero).astype(np.float32)  # in int8 steps, beyond them too
            self._errors = np.square(before[edit] - self._vectors).mean(axis=1) + 1e-6
        elif isinstance(wanted, Avoid):
            self._classes, self._against = _runner_up(before[edit], wanted.classes), wanted.classes
        else:
            assert isinstance(wanted, ToClass | Over)
            self._classes, self._against = wanted.classes, wanted.against

    def residual(self, index: IntArray) -> FloatArray:
        """What vectors lack today, float32[m, size], in int8 steps."""
        assert self._vectors is not None
        lack: FloatArray = self._vectors[self._place[index]] - self._before[index]
        return lack

    def edited(self, values: Int8Array, samples: IntArray) -> Judged:
        """Edited samples with values int8[m, size]."""
        if not len(values):
            return _nothing(values)
        at = self._place[samples]
        if self._vectors is not None:
            away = values - self._vectors[at]
            share = np.square(away).mean(axis=1) / self._errors[at]
            grad = away * (2 * self._config.margin / (self._errors[at, None] * values.shape[1] * len(values)))
            return Judged((self._config.margin * share).astype(np.float32), grad.astype(np.float32), share <= REACHED)
        loss, grad = hinge(values, self._classes[at], self._against[at], self._config.margin)
        p = softmax(values, self._scale)
        p[np.arange(len(p)), self._classes[at]] -= 1
        p[self._against[at] != ALL] = 0  # the other classes are of no concern there
        grad = (grad + self._config.cross_entropy / self._scale * p) / len(values)
        return Judged(loss, grad.astype(np.float32), reached(self.wanted.take(at), values))

    def kept(self, values: Int8Array, samples: IntArray) -> Judged:
        """Samples that must stay, with values int8[m, size]."""
        if not len(values):
            return _nothing(values)
        before = self._before[samples]
        if self._vectors is not None:
            away = values.astype(np.float32) - before
            typical = float(self._errors.mean())
            loss = np.square(away).mean(axis=1) / typical
            grad = away * (2 * self._config.margin * self._config.keep / (typical * values.shape[1] * len(values)))
            return Judged(loss.astype(np.float32), grad.astype(np.float32), loss < self._config.same)
        p, q = softmax(values, self._scale), softmax(before, self._scale)
        loss = (q * np.log((q + 1e-9) / (p + 1e-9))).sum(axis=1)
        same = answers(values) == answers(before)
        return Judged(loss, (p - q) * np.float32(self._config.keep / len(values)), same)


def end_tensor(model: Model, wanted: Wanted) -> int:
    """Where an objective is read from: the output for vectors, else the logits."""
    return model.output.index if isinstance(wanted, ToVector) else logits_tensor(model)


def _nothing(values: Int8Array) -> Judged:
    return Judged(np.zeros(0, np.float32), np.zeros(values.shape, np.float32), np.zeros(0, bool))


def _runner_up(before: Int8Array, avoided: IntArray) -> IntArray:
    others = before.astype(np.int64)
    others[np.arange(len(others)), avoided] = -1000
    best: IntArray = others.argmax(axis=1)
    return best


def hinge(values: Int8Array, classes: IntArray, against: IntArray, margin: float) -> tuple[FloatArray, FloatArray]:
    """Loss and gradient for "the class leads by `margin`" over `against`, or over all: float32[n], float32[n, size]."""
    samples = np.arange(len(values))
    scores = values.astype(np.float32)
    others = scores.copy()
    others[samples, classes] = -np.inf
    rival = np.where(against == ALL, others.argmax(axis=1), against)
    loss = np.maximum(margin + scores[samples, rival] - scores[samples, classes], 0)
    grad = np.zeros_like(scores)
    grad[samples, rival] += loss > 0
    grad[samples, classes] -= loss > 0
    return loss, grad


def softmax(values: Int8Array, scale: float) -> FloatArray:
    """float32[n, size] of logits int8[n, size] with `scale`."""
    z = values.astype(np.float32) * np.float32(scale)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p: FloatArray = e / e.sum(axis=1, keepdims=True)
    return p
