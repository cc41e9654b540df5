# SPDX-License-Identifier: Apache-2.0
"""The numpy twin of firmware/train/gate_step.c: one gate, trained in integers (SPEC.md, section 13).

Byte-equal to the C: the factors after every step are the same on every core. int64 holds whatever C keeps in int32.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.ondevice.statistics import GateStatistics

SLACK = 3  # h from which 127 * h moves a logit by 255, all the way
INT16 = 32767
_LEAST = 8  # samples that share what opens where they should not
_FRACTION = 5  # bits of a step beyond those of its gradient
_START = 1 << 12  # of the largest weight
_MARGIN = 1 << 12


def limit(n_in: int) -> int:
    """Largest weight with which no product with an int8 sample leaves 31 bits."""
    return min(INT16, ((1 << 30) - 1) // (128 * n_in))


def fold(values: IntArray, most: int) -> tuple[IntArray, int]:
    """Halves until no magnitude is above `most`: (values >> n, n)."""
    peak, n = int(np.abs(values).max(initial=0)), 0
    while peak >> n > most:
        n += 1
    return values >> n, n


def rounded(x: IntArray, m: int, k: int) -> IntArray:
    """x * m / 2**k, ties up; 1 <= k <= 62."""
    return (x * m + (1 << (k - 1))) >> k


@dataclass
class GateTrainer:
    """Trains the gate of one edit.

    Args:
        statistics: what the firmware carries.
        corrections: int8[p, n_in], the tap's input for each wording of the edit.
        replay: int8[m, n_in], for inputs that were confirmed.

    Attributes:
        w: int64[n_in], weights, int16 on the device. v: their momentum, int16.
        b, vb: bias and its momentum.
        step: number of the next step.
        saturated: a weight has reached its limit.
        diverged: no margin was found between the corrections and the keep set's mean.
        done: nothing pulls any more.
    """

    statistics: GateStatistics
    corrections: Int8Array
    replay: Int8Array
    w: IntArray = field(init=False)
    v: IntArray = field(init=False)
    b: int = field(init=False)
    vb: int = 0
    step: int = 0
    saturated: bool = False
    done: bool = False

    def __post_init__(self) -> None:
        s = self.statistics
        self._samples = np.concatenate([s.centre[None], self.corrections, s.rows, self.replay]).astype(np.int64)
        self._p, n_in = len(self.corrections), self._samples.shape[1]
        self._limit = limit(n_in)
        self._first = 1 + self._p  # of the samples that must stay
        self._near = self._nearest()
        coefs = np.zeros(len(self._samples), np.int64)
        coefs[0], coefs[1 : self._first] = -256 * self._p, 256
        acc, _ = self._conditioned(coefs)
        self.w, _ = fold(acc, 2 * _START - 1)
        while 0 < np.abs(self.w).max() < _START:
            self.w = self.w * 2
        self.v = np.zeros(n_in, np.int64)
        sums = self._samples[: self._first] @ self.w
        reach = (max(int(((sums[1:] - sums[0]) >> 5).sum()), 0) // self._p) << 4
        self.diverged = reach < _MARGIN
        self.margin, self._shift = reach, 0
        while self.margin >= 2 * _MARGIN:
            self.margin, self._shift = self.margin >> 1, self._shift + 1
        self.b = -self.margin

    def _nearest(self) -> int:
        """The cluster that the corrections belong to."""
        s = self.statistics
        mean = self.corrections.astype(np.int64).sum(axis=0)
        apart = np.square(self._p * s.rows[: s.clusters].astype(np.int64) - mean).sum(axis=1)
        return int(apart.argmin()) if s.clusters else -1

    def run(self, steps: int | None = None) -> None:
        """Trains to the end, or some steps."""
        last = self.statistics.steps if steps is None else self.step + steps
        while self.step < last and not self.done and not self.diverged:
            self.train_step()

    def train_step(self) -> None:
        """One step over all samples."""
        coefs, pull = self._coefficients(self._scores())
        if not coefs.any():
            self.done = True
            return
        acc, n = self._conditioned(coefs)
        s = self.statistics
        k = 31 - (s.rate[1] + self._shift + n - _FRACTION - 2)
        change = np.clip(rounded(acc, s.rate[0], min(max(k, 1), 62)), -INT16, INT16)
        rate = ((s.steps - min(self.step, s.steps - 1)) * 256) // s.steps
        v = self.v - ((self.v + 4) >> 3) + change + ((self.w + 64) >> 7)
        self.v = np.clip(v, -INT16, INT16)
        w = self.w - ((rate * self.v + 128) >> 8)
        self.w = np.clip(w, -self._limit, self._limit)
        self.saturated |= bool((w != self.w).any())
        if 2 * int(np.abs(self.w).max()) > self._limit and self._shift:
            self.w, self.v, self._shift = self.w >> 1, self.v >> 1, self._shift - 1
        self.vb = min(max(self.vb - ((self.vb + 4) >> 3) + pull, -(1 << 20)), 1 << 20)
        self.b = min(max(self.b - ((rate * self.vb + 128) >> 8), -(1 << 20)), 1 << 20)
        self.step += 1

    def _scores(self) -> IntArray:
        """Of every sample less the centre's, in units of the margin: int16 on the device."""
        sums = self._samples @ self.w
        return np.asarray(np.clip((sums - sums[0]) >> self._shift, -INT16, INT16))

    def _moved(self, scores: IntArray) -> IntArray:
        """Scores of the corrections as if they were of another cluster: int64[p, clusters], their own apart."""
        clusters = scores[self._first : self._first + self.statistics.clusters]
        if not len(clusters):
            return np.zeros((self._p, 0), np.int64)
        away = (self.statistics.shift * (clusters - clusters[self._near])) >> 6
        moved: IntArray = np.asarray(np.delete(scores[1 : self._first, None] + away, self._near, axis=1))
        return moved

    def _coefficients(self, scores: IntArray) -> tuple[IntArray, int]:
        """What every sample adds to the gradient, int16 on the device, and the bias's gradient."""
        first, clusters, coefs = self._first, self.statistics.clusters, np.zeros(len(scores), np.int64)
        shut = np.maximum(self.margin + scores[first:] + self.b, 0)
        moved = np.maximum(self.margin + self._moved(scores) + self.b, 0)
        opened = np.maximum(self.margin - scores[1:first] - self.b, 0)
        active = max(int((shut > 0).sum() + (moved > 0).sum()), _LEAST)
        shut, moved, opened = (
            (np.minimum(a, INT16) << 2) // n for a, n in ((shut, active), (moved, active), (opened, self._p))
        )
        coefs[first:] = shut
        coefs[1:first] = moved.sum(axis=1) - opened
        if clusters:
            away = (self.statistics.shift * moved.sum(axis=0)) >> 6
            coefs[first : first + clusters] += np.insert(away, self._near, 0)
            coefs[first + self._near] -= away.sum()
        coefs = np.clip(coefs, -INT16, INT16)
        total = int(coefs[1:].sum())
        coefs[0] = min(max(-total, -INT16), INT16)
        return coefs, (int(shut.sum() + moved.sum()) - int(opened.sum())) >> 2

    def _conditioned(self, coefs: IntArray) -> tuple[IntArray, int]:
        """The gradient without what wordings vary: int32[n_in] with _FRACTION bits, and how often it was halved."""
        gradient, n = fold(coefs @ self._samples, self._limit)
        acc = gradient << _FRACTION
        for u, damping in zip(
            self.statistics.directions.astype(np.int64), self.statistics.damping.tolist(), strict=True
        ):
            tau = (int(u @ gradient) * damping) >> (30 - _FRACTION)
            acc -= min(max(tau, -INT16), INT16) * u
        return acc, n

    def a(self) -> Int8Array:
        """The row of A: the largest weight is 127."""
        peak = max(int(np.abs(self.w).max()), 1)
        size = (254 * np.abs(self.w) + peak) // (2 * peak)
        a: Int8Array = (np.sign(self.w) * size).astype(np.int8)
        return a

    def threshold(self) -> tuple[int, bool]:
        """Where the gate stands, in A . x, and whether it tells the edit from all that must stay."""
        s, a = self.statistics, self.a().astype(np.int64)
        scores = self._samples @ a
        stay = [int(scores[self._first :].max())]
        moved = self._moved(scores)
        if moved.size:
            stay.append(int(moved.max()))
        lowest, highest = int(scores[1 : self._first].min()), max(stay)
        margin = lowest - highest - SLACK
        if margin <= 0:
            return lowest - SLACK, False
        return highest + ((s.place * margin) >> 8), True
