# SPDX-License-Identifier: Apache-2.0
"""Figures of merit of edits of tensors, on the quantized deltas, against the untouched base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import BoolArray, DoubleArray, FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, answers, logits_tensor, whole_output, with_deltas
from mcuedit.edits import TensorSet, Wanted
from mcuedit.edits.wanted import ALL, Avoid, Over, ToClass, ToVector
from mcuedit.evaluation.figures import Figures
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import Tensor

CHUNK = 256  # inputs looked at together, which bounds memory
REACHED = 0.5  # a vector counts as reproduced when its squared error is at most that share of the base's


@dataclass(frozen=True)
class TensorMetrics(Figures):
    """Shares in 0..1, squared errors in squared real units; None where there was nothing to measure it on.

    Attributes:
        edits, factor_bytes: groups of inputs that want the same, and the bytes of all factors.
        efficacy: edited inputs that get what is wanted, a tie counting as failure; vectors: whose error was halved.
        efficacy_softmax: the same for who reads only the output after SOFTMAX; for vectors equal to efficacy.
        held_out, held_out_before: the same on x_test, with the edit and by the base alone.
        unchanged: inputs of the keep set that get the answer they got, unchanged_test: on keep_test; None for vectors.
        identical_keep, identical_test: whose output bytes are the base's.
        error_before, error, held_out_error_before, held_out_error: mean squared errors of vectors.
        keep_error_before, keep_error: the same on the keep set where it is known what it should give (reproduce).
        keep_change, keep_change_steps: of vectors the largest change of an element of a kept or keep_test input's
            output, in real units and in the output's int8 steps.
    """

    edits: int
    efficacy: float
    efficacy_softmax: float
    held_out_before: float | None
    held_out: float | None
    unchanged: float | None
    unchanged_test: float | None
    identical_keep: float | None
    identical_test: float | None
    error_before: float | None
    error: float | None
    held_out_error_before: float | None
    held_out_error: float | None
    keep_error_before: float | None
    keep_error: float | None
    keep_change: float | None
    keep_change_steps: int | None
    factor_bytes: float
    seconds: float = 0.0


@dataclass(frozen=True)
class _Outputs:
    """int8[n, size] of some inputs, without and with deltas: logits and what follows a SOFTMAX.

    Attributes:
        same: whether the bytes of all outputs are, bool[n].
    """

    before: Int8Array
    after: Int8Array
    shown_before: Int8Array
    shown: Int8Array
    same: BoolArray


def reached(wanted: Wanted, scores: Int8Array) -> BoolArray:
    """Whether inputs get the class that is wanted, bool[n]; an equal score of another class is a failure.

    Args:
        scores: int8[n, classes].
    """
    each = np.arange(len(scores))
    values = scores.astype(np.int64)
    assert isinstance(wanted, ToClass | Over | Avoid), "vectors are judged by their error"
    own = values[each, wanted.classes]
    rival = _others(values, wanted.classes).max(axis=1)
    if isinstance(wanted, Avoid):
        return np.asarray(own < rival)
    rival = np.where(wanted.against == ALL, rival, values[each, np.maximum(wanted.against, 0)])
    return np.asarray(own > rival)


def _others(values: IntArray, classes: IntArray) -> IntArray:
    masked = values.copy()
    masked[np.arange(len(values)), classes] = -1000
    return masked


def squared_errors(output: Int8Array, vectors: FloatArray, tensor: Tensor) -> DoubleArray:
    """Mean squared error of each output, in real units: int8[n, size] and float32[n, ...] to float64[n]."""
    real = (output.reshape(len(output), -1).astype(np.float64) - tensor.zero) * float(tensor.scale[0])
    return np.asarray(np.square(real - vectors.reshape(len(output), -1)).mean(axis=1))


class MeasureTensors:
    """Compares a base with and without deltas on tensors, a chunk of them at a time."""

    def __init__(self, reader: Reader, deltas: Sequence[Delta] = (), repaired: Reader | None = None) -> None:
        """`repaired`: of a base whose weights were changed; it takes the place of deltas."""
        self._reader, self._deltas, self._repaired = reader, deltas, repaired
        self._model = reader.base.model

    def __call__(self, data: TensorSet) -> TensorMetrics:
        """All figures of an edit set."""
        edit, test = self._see(data.x), self._see(data.x_test)
        keep, keep_test = self._see(data.keep), self._see(data.keep_test)
        wanted, held = data.wanted, data.wanted_test
        own = self._errors(edit, _vectors(wanted))
        other = self._errors(test, _vectors(held))
        kept = self._errors(keep, data.keep_vectors)
        moved = _steps([keep, keep_test]) if isinstance(wanted, ToVector) else None
        efficacy = self._share(wanted, edit.before, edit.after, own)[1]
        by_softmax = self._share(wanted, edit.shown_before, edit.shown, own)[1]
        before, after = self._share(held, test.before, test.after, other) if held else (None, None)
        return TensorMetrics(
            edits=int(wanted.groups().max(initial=0)) + 1,
            efficacy=efficacy,
            efficacy_softmax=by_softmax,
            held_out_before=before,
            held_out=after,
            unchanged=None if own else _mean(answers(keep.before) == answers(keep.after)),
            unchanged_test=None if own else _mean(answers(keep_test.before) == answers(keep_test.after)),
            identical_keep=_mean(keep.same),
            identical_test=_mean(keep_test.same),
            error_before=_mean(own[0]) if own else None,
            error=_mean(own[1]) if own else None,
            held_out_error_before=_mean(other[0]) if other else None,
            held_out_error=_mean(other[1]) if other else None,
            keep_error_before=_mean(kept[0]) if kept else None,
            keep_error=_mean(kept[1]) if kept else None,
            keep_change=moved * float(self._model.output.scale[0]) if moved is not None else None,
            keep_change_steps=moved,
            factor_bytes=float(sum(d.factor_bytes for d in self._deltas)),
        )

    def _see(self, x: Int8Array) -> _Outputs:
        model = self._model
        logits, output = logits_tensor(model), model.output.index
        parts, same = [np.zeros((4, 0, model.output.size), np.int8)], [np.zeros(0, bool)]
        for base, now in self._traces(x):
            ends = [t.values[i].reshape(len(base), -1) for i in (logits, output) for t in (base, now)]
            parts.append(np.stack(ends))
            same.append((whole_output(model, base) == whole_output(model, now)).all(axis=1))
        before, after, shown_before, shown = np.concatenate(parts, axis=1)
        return _Outputs(before, after, shown_before, shown, np.concatenate(same))

    def _traces(self, x: Int8Array) -> Iterator[tuple[Trace, Trace]]:
        for start in range(0, len(x), CHUNK):
            some = x[start : start + CHUNK]
            base = Trace(self._reader(some))
            yield base, Trace(self._repaired(some)) if self._repaired else with_deltas(self._model, self._deltas, base)

    def _errors(self, seen: _Outputs, vectors: FloatArray | None) -> tuple[DoubleArray, DoubleArray] | None:
        """Squared errors without and with the deltas."""
        if vectors is None or not len(seen.shown):
            return None
        output = self._model.output
        return squared_errors(seen.shown_before, vectors, output), squared_errors(seen.shown, vectors, output)

    def _share(
        self,
        wanted: Wanted,
        before: Int8Array,
        after: Int8Array,
        errors: tuple[DoubleArray, DoubleArray] | None,
    ) -> tuple[float, float]:
        """Share of inputs that get what is wanted, without and with the deltas."""
        if errors is not None:
            return 0.0, float((errors[1] <= REACHED * errors[0]).mean())
        return float(reached(wanted, before).mean()), float(reached(wanted, after).mean())


def _vectors(wanted: Wanted | None) -> FloatArray | None:
    return wanted.vectors if isinstance(wanted, ToVector) else None


def _steps(kept: Sequence[_Outputs]) -> int | None:
    """The largest change of an element of an output; None without outputs."""
    found = [np.abs(seen.shown.astype(np.int64) - seen.shown_before).max(initial=0) for seen in kept if len(seen.shown)]
    return int(max(found)) if found else None


def _mean(values: npt.NDArray[np.generic]) -> float | None:
    return float(values.mean()) if len(values) else None
