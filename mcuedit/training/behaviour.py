# SPDX-License-Identifier: Apache-2.0
"""One delta of rank r for all edits together: a style, a shift, a class (DESIGN.md, section 3).

The forward pass is the exact integer arithmetic of SPEC.md on rounded factors; gradients pass straight through the
rounding. Steps are normalized per tensor: step = rate * gradient / max |gradient|, in int8 units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcuedit.carrier import carrier
from mcuedit.delta import D_MAX, Delta, add
from mcuedit.evaluation.outputs import Trace, answers, logits_tensor
from mcuedit.fixedpoint import quantize_multiplier
from mcuedit.model import Model
from mcuedit.training.examples import Examples
from mcuedit.training.options import Options
from mcuedit.training.placement import Candidate
from mcuedit.training.push import Suffix, hinge

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]

STEPS, TRIAL_STEPS, KEEP_ROWS = 150, 40, 128
_RATE_A, _RATE_B = 1.0, 2.0
_CROSS_ENTROPY, _KEEP = 0.2, 10.0
_H = 100  # h of the strongest edit at the start


@dataclass(frozen=True)
class _Task:
    """Tap inputs and target outputs of all examples, in rows.

    Attributes:
        x: int8[n, rows, n_in]. y: int8[n, rows, n_out]. logits: int8[n, classes], without the edits.
        scale: real value of a logit step.
    """

    x: Int8Array
    y: Int8Array
    logits: Int8Array
    scale: float
    wanted: IntArray
    edit: IntArray
    keep: IntArray
    classes: IntArray


def train(
    model: Model,
    pairs: Sequence[tuple[int, int]],
    table: Examples,
    now: Trace,
    options: Options,
    progress: Callable[[str], None],
) -> tuple[list[Delta], tuple[Candidate, ...]]:
    """Tries each pair briefly and trains the best one.

    Args:
        now: values of the examples in the stack without the new delta.

    Returns:
        (deltas, the pairs tried, best first)
    """
    candidates = []
    for pair in pairs if len(pairs) > 1 else ():
        progress(f"trying tap {pair[0]}, target {pair[1]}")
        fit = _Fit(model, pair, table, now, options)
        candidates.append(fit.candidate(fit.run(TRIAL_STEPS)))
    candidates.sort(key=lambda c: c.score, reverse=True)
    pair = (candidates[0].tap, candidates[0].target) if candidates else pairs[0]
    progress(f"training tap {pair[0]}, target {pair[1]}")
    fit = _Fit(model, pair, table, now, options)
    delta = fit.run(STEPS)
    return [delta], (fit.candidate(delta), *candidates[1:])


class _Fit:
    """Float masters of one delta and their training."""

    def __init__(
        self,
        model: Model,
        pair: tuple[int, int],
        table: Examples,
        now: Trace,
        options: Options,
    ) -> None:
        self._pair, self._gated, self._bits = pair, options.gated, options.bits
        self._place = options.place_for(len(table.classes))
        self._tap, self._target = (carrier(model, index) for index in pair)
        self._limit = 127 if options.bits == 8 else 7
        self._rng = np.random.default_rng(options.seed)
        logits = logits_tensor(model)
        self._suffix = Suffix(model, pair[1], logits)
        self._side = {t: now.values[t] for t in self._suffix.side}
        self._task = _task(model, pair, table, now, logits)
        self._a = self._start(options.rank)
        self._b = np.zeros((self._target.n_out, options.rank), np.float32)
        peak = max(1.0, float(np.abs(self._scores(self._task.edit, self._a)).max()))
        self._m, self._s = quantize_multiplier(min(_H / peak, 0.999))
        self._M, self._S = quantize_multiplier(D_MAX / (127 * _H))

    def _start(self, rank: int) -> FloatArray:
        """The strongest directions of the edits' tap inputs where the keep set varies least: float32[rank, n_in]."""
        task = self._task
        keep = self._centred(task.keep if len(task.keep) else task.edit).reshape(-1, self._tap.n_in)
        edit = self._centred(task.edit).reshape(-1, self._tap.n_in)
        second = keep.T.astype(np.float64) @ keep / len(keep)
        second += (0.01 * np.trace(second) / len(second) + 1e-6) * np.eye(len(second))
        root = np.linalg.cholesky(np.linalg.inv(second))
        _, _, directions = np.linalg.svd(edit @ root, full_matrices=False)
        directions = np.resize(directions, (rank, directions.shape[1]))
        a = directions @ root.T
        signs = np.sign((edit @ a.T).mean(axis=0))
        a *= np.where(signs == 0, 1, signs)[:, None]
        start: FloatArray = (a / np.abs(a).max(axis=1, keepdims=True) * 0.8 * self._limit).astype(np.float32)
        return start

    def run(self, steps: int) -> Delta:
        """Trains and returns the best delta seen, by edits that hold and keep answers that stay."""
        best, best_score = self._delta(), -np.inf
        for step in range(steps):
            delta = self._delta()
            score, grad_a, grad_b = self._step(delta)
            if score > best_score:
                best, best_score = delta, score
            rate = 0.5 * (1 + np.cos(np.pi * step / steps))
            self._a = _move(self._a, grad_a, _RATE_A * rate * self._limit / 127, self._limit)
            self._b = _move(self._b, grad_b, _RATE_B * rate, 127)
        return best

    def candidate(self, delta: Delta) -> Candidate:
        """How a delta does on its own examples."""
        task = self._task
        edit = self._answers(delta, task.edit) == task.wanted
        keep = self._answers(delta, task.keep) == answers(task.logits[task.keep])
        shut = float(keep.mean()) if len(keep) else 1.0
        return Candidate(*self._pair, len(task.classes), delta.factor_bytes, float(edit.mean()), shut)

    def _delta(self) -> Delta:
        a, b = np.round(self._a).astype(np.int8), np.round(self._b).astype(np.int8)
        r = len(a)
        rows = np.flatnonzero(b.any(axis=1))
        dense = 2 * len(rows) + rows.size * r >= b.size or not len(rows)
        return Delta(
            *self._pair,
            a=a,
            c=self._offsets(a),
            m=np.full(r, self._m, np.int64),
            s=np.full(r, self._s, np.int64),
            b=b if dense else b[rows],
            rows=None if dense else rows,
            M=self._M,
            S=self._S,
            gated=self._gated,
            bits=self._bits,
            zx=self._tap.zx,
            act_lo=self._target.act_lo,
            act_hi=self._target.act_hi,
        )

    def _offsets(self, a: Int8Array) -> IntArray:
        """Plain factors have none but the folded zero point; a gate stands between keep and edit activations."""
        folded: IntArray = -self._tap.zx * a.sum(axis=1, dtype=np.int64)
        if not self._gated or not len(self._task.keep):
            return folded
        keep = np.quantile(self._scores(self._task.keep, a), 0.999, axis=0)
        edit = np.quantile(self._scores(self._task.edit, a), 0.01, axis=0)
        place = np.floor(np.where(edit > keep, keep + self._place * (edit - keep), edit)).astype(np.int64)
        return np.asarray(folded - place)

    def _step(self, delta: Delta) -> tuple[float, FloatArray, FloatArray]:
        task = self._task
        count = min(KEEP_ROWS, len(task.keep))
        sample = self._rng.choice(task.keep, count, replace=False) if count else task.keep
        index = np.concatenate([task.edit, sample])
        x, y = task.x[index], task.y[index]
        h = delta.project(x)
        b = self._dense(delta)
        d = np.clip(h @ b.T.astype(np.int64) * (delta.M * 2.0 ** (delta.S - 31)), -D_MAX, D_MAX)
        moved = self._added(delta, h, y)
        values = self._suffix.forward(moved, self._side_of(index))
        logits = values[self._suffix.end].reshape(len(index), -1)
        grad, score = self._loss(logits, index, len(task.edit))
        pull = self._suffix.backward(grad, values).reshape(y.shape)
        pull = np.where(((moved <= delta.act_lo) & (pull > 0)) | ((moved >= delta.act_hi) & (pull < 0)), 0, pull)
        pull = np.where(np.abs(d) >= D_MAX, 0, pull).reshape(-1, self._target.n_out)
        flat_h, flat_x = h.reshape(-1, delta.rank), self._centred(index).reshape(-1, self._tap.n_in)
        real_m, real_out = self._m * 2.0 ** (self._s - 31), delta.M * 2.0 ** (delta.S - 31)
        grad_b = pull.T @ flat_h * real_out
        at_h = pull @ b * real_out * real_m
        free = (flat_h > (0 if self._gated else -127)) & (flat_h < 127)
        return score, (np.where(free, at_h, 0).T @ flat_x).astype(np.float32), grad_b.astype(np.float32)

    def _loss(self, logits: Int8Array, index: IntArray, edits: int) -> tuple[FloatArray, float]:
        task = self._task
        loss, grad = hinge(logits[:edits], task.wanted)
        p = _softmax(logits, task.scale)
        wanted = np.zeros_like(p[:edits])
        wanted[np.arange(edits), task.wanted] = 1
        change = (grad + _CROSS_ENTROPY * (p[:edits] - wanted) / task.scale * 0.1) / max(edits, 1)
        stay = (p[edits:] - _softmax(task.logits[index[edits:]], task.scale)) * _KEEP / max(len(index) - edits, 1)
        before = answers(task.logits[index[edits:]])
        same = (answers(logits[edits:]) == before).mean() if len(index) > edits else 1.0
        score = float((loss < 8).mean() + same - 1e-3 * loss.mean())
        return np.concatenate([change, stay]).astype(np.float32), score

    def _dense(self, delta: Delta) -> npt.NDArray[np.int64]:
        if delta.rows is None:
            return delta.b.astype(np.int64)
        b = np.zeros((self._target.n_out, delta.rank), np.int64)
        b[delta.rows] = delta.b
        return b

    def _added(self, delta: Delta, h: IntArray, y: Int8Array) -> Int8Array:
        return add([delta], [h], y)

    def _answers(self, delta: Delta, index: IntArray) -> IntArray:
        y = self._added(delta, delta.project(self._task.x[index]), self._task.y[index])
        return answers(self._suffix.forward(y, self._side_of(index))[self._suffix.end])

    def _side_of(self, index: IntArray) -> dict[int, Int8Array]:
        return {t: values[index] for t, values in self._side.items()}

    def _centred(self, index: IntArray) -> FloatArray:
        return self._task.x[index].astype(np.float32) - self._tap.zx

    def _scores(self, index: IntArray, a: npt.NDArray[np.generic]) -> FloatArray:
        scores: FloatArray = (self._centred(index) @ a.astype(np.float32).T).reshape(-1, len(a))
        return scores


def _task(model: Model, pair: tuple[int, int], table: Examples, now: Trace, logits: int) -> _Task:
    x = now.values[model.ops[pair[0]].inputs[0]]
    y = now.values[model.ops[pair[1]].outputs[0]]
    tap, target = (carrier(model, index) for index in pair)
    flat = now.values[logits].reshape(len(x), -1)
    scale = float(model.tensors[logits].scale[0])
    edit = np.flatnonzero(table.owner >= 0)
    keep = np.flatnonzero((table.owner < 0) & table.stay)
    wanted = table.classes[table.owner[edit]]
    rows = x.reshape(len(x), -1, tap.n_in), y.reshape(len(y), -1, target.n_out)
    return _Task(*rows, flat, scale, wanted, edit, keep, table.classes)


def _move(values: FloatArray, grad: FloatArray, rate: float, limit: int) -> FloatArray:
    peak = float(np.abs(grad).max())
    return values if peak == 0 else np.clip(values - np.float32(rate / peak) * grad, -limit, limit)


def _softmax(logits: Int8Array, scale: float) -> FloatArray:
    z = logits.astype(np.float32) * scale
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p: FloatArray = e / e.sum(axis=1, keepdims=True)
    return p
