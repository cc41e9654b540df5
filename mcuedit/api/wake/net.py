# SPDX-License-Identifier: Apache-2.0
"""A streaming net of one wake word, as tflite_micro runs it: recordings in, one score after each inference out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, with_deltas
from mcuedit.api.wake.decision import Scores
from mcuedit.edits.sound import CHANNELS, Samples, features
from mcuedit.model.adaptable import tap_tensor
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model, Op

_WANTS = "a streaming net as microWakeWord makes it is needed: int8 [1, steps, 40] in, a state, one score out"


@dataclass(frozen=True)
class Heard:
    """What a net makes of one stream, without any delta.

    Attributes:
        x: int8[T, n_in], what the last op with weights reads. logit: int8[T], what it gives.
        scores: uint8[T], what the file gives. given: int8[T, stride, 40], what it was given.
    """

    given: Int8Array
    x: Int8Array
    logit: Int8Array
    scores: Scores

    def __len__(self) -> int:
        return len(self.logit)


class Net:
    """Such a net.

    Attributes:
        base, model: it. op: the last op with weights, which makes the only logit. stride: slices of an inference.

    Raises:
        McueditError: the model is no such net.
    """

    def __init__(self, base: Base) -> None:
        self.base, self.model = base, base.model
        model = base.model
        shape = model.input.shape
        fits = model.plain_input and len(shape) == 3 and shape[0] == 1 and shape[2] == CHANNELS
        if not fits or not model.stateful or len(model.outputs) != 1 or model.output.size != 1:
            raise McueditError(f"{base.name}: no net of one wake word", _WANTS)
        self.stride = shape[1]
        self.op = _logit_op(model)
        self.tap = tap_tensor(model, self.op.index)

    @cached_property
    def _oracle(self) -> Tflm:
        return Tflm(self.model)

    def hear(self, samples: Samples) -> Heard:
        """What it makes of a stream."""
        rows = features(samples)
        whole = len(rows) // self.stride * self.stride  # an inference takes so many steps, or does not happen
        return self.heard(rows[:whole].reshape(-1, self.stride, CHANNELS))

    def heard(self, given: Int8Array) -> Heard:
        """The same from int8[T, stride, 40]."""
        logit, end = self.op.outputs[0], self.model.output.index
        found = self._oracle.course(given, [self.tap, logit, end])
        count = len(given)
        return Heard(given, found[self.tap].reshape(count, -1), found[logit].reshape(count), self._scores(found[end]))

    def edited(self, heard: Heard, deltas: Sequence[Delta]) -> Scores:
        """Its scores with deltas at its last op, through the integer path."""
        shapes = self.model.tensors
        count, y = len(heard), self.op.outputs[0]
        values = {
            self.tap: heard.x.reshape(count, *shapes[self.tap].shape),
            y: heard.logit.reshape(count, *shapes[y].shape),
            self.model.output.index: (heard.scores.astype(np.int16) - 128)
            .astype(np.int8)
            .reshape(count, *self.model.output.shape),
        }
        return self._scores(with_deltas(self.model, deltas, Trace(values)).values[self.model.output.index])

    def other(self, model: Model) -> Callable[[Int8Array], Scores]:
        """Scores of a file that takes this one's place, from what it is given: by tflite_micro."""
        oracle, end = Tflm(model), model.output.index
        return lambda given: self._scores(oracle.course(given, [end])[end])

    def _scores(self, end: Int8Array) -> Scores:
        """int8 of the core to what ESPHome reads, 255 parts of 1; a uint8 rim behind it moves the zero point alone."""
        return (end.reshape(-1).astype(np.int16) + 128).astype(np.uint8)


def _logit_op(model: Model) -> Op:
    """The FULLY_CONNECTED op that makes the only logit; a LOGISTIC stands behind it."""
    makers = {t: op for op in model.ops for t in op.outputs}
    at = model.output.index
    while at in makers and makers[at].kind in ("LOGISTIC", "RESHAPE"):
        at = makers[at].inputs[0]
    op = makers.get(at)
    if op is None or op.kind != "FULLY_CONNECTED" or model.output.scale[0] != np.float32(1 / 256):
        raise McueditError("the net's score is not that of FULLY_CONNECTED and LOGISTIC", _WANTS)
    return op
