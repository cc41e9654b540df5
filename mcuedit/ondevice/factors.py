# SPDX-License-Identifier: Apache-2.0
"""The numpy twin of firmware/train/factors.c: A and B of one op trained by gradient (SPEC.md, section 13).

One sample a step, corrections and confirmed inputs in turn; the hinge of its class over the best other one; steps as
long as their rate says, for each tensor. Masters have 7 bits below an int8 step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.adapter.delta import D_MAX, Delta
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier
from mcuedit.model.tflite import Model
from mcuedit.ondevice.backward import backward_layers, target, unclamped
from mcuedit.ondevice.gate import fold, limit

Masters = npt.NDArray[np.int64 | np.float32]

Q, MOST = 7, 127 << 7
MARGIN, CONFIRMED_MARGIN = 8, 2  # logit steps by which a correction and a confirmed input lead
START, PEAK = 100, 100  # largest element of A, and h of the strongest correction, at the start
REACH = 128  # what B = 127 adds at h = 100 where ops follow


@dataclass(frozen=True)
class FactorOptions:
    """How factors are trained; `rate_a` and `rate_b` in 128ths of an int8 step, falling to 0 over `steps`.

    `stochastic`: changes of int16 masters are rounded by random bits.
    """

    rank: int = 4
    steps: int = 1024
    rate_a: int = 64
    rate_b: int = 384
    gated: bool = False
    place: int = 128
    stochastic: bool = False


@dataclass
class FactorTrainer:
    """Trains the factors of op `op`.

    Args:
        corrections: int8[p, n_in], inputs of the op. wanted: their classes.
        replay: int8[r, n_in]. answers: their classes.
        floats: masters are as firmware built with MCUEDIT_TRAIN_FLOAT has them.

    Attributes:
        a, b: int64[rank, n_in] and [n_out, rank], int16 masters; float32 if `floats`, until `round`.
    """

    model: Model
    op: int
    options: FactorOptions
    corrections: Int8Array
    wanted: tuple[int, ...]
    replay: Int8Array
    answers: tuple[int, ...]
    seed: int = 1
    floats: bool = False
    a: Masters = field(init=False)
    b: Masters = field(init=False)
    step: int = 0
    steps_without_loss: int = 0
    done: bool = False
    diverged: bool = False

    def __post_init__(self) -> None:
        model, rank = self.model, self.options.rank
        self._target = target(model, model.ops[self.op])
        self._layers = backward_layers(model, self.op)
        self._geometry = op_geometry(model, self.op)
        self.output = output_scale(bool(self._layers))
        self._kind = np.float32 if self.floats else np.int64
        self.b = np.zeros((self._geometry.n_out, rank), self._kind)
        self._random = self.seed
        self._begin()

    def _draw(self) -> int:
        x = self._random
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._random = x
        return x

    def _lowered(self, masters: Masters, change: IntArray, bits: int) -> Masters:
        """Masters less change / 2**bits."""
        if self.floats:
            return np.clip(masters - change.astype(np.float32) / np.float32(1 << bits), -MOST, MOST)
        half: int | IntArray = 1 << (bits - 1)
        if self.options.stochastic:
            half = np.array([self._draw() >> (32 - bits) for _ in range(change.size)], np.int64).reshape(change.shape)
        return np.clip(masters - ((change + half) >> bits), -MOST, MOST)

    def _begin(self) -> None:
        p, rank, n_in = len(self.corrections), self.options.rank, self._geometry.n_in
        x = self._positions(self.replay).reshape(-1, n_in)
        centre = (x.sum(axis=0) + 128 * len(x)) // len(x) - 128
        self.a = np.zeros((rank, n_in), self._kind)
        for k in range(rank):
            away = self._positions(self.corrections[k % p]) - centre
            u = away[np.abs(away).sum(axis=1).argmax()]
            if k >= p:
                u += np.array([((self._draw() >> 27) - 16) * (k // p) for _ in range(n_in)], np.int64)
            peak = int(np.abs(u).max())
            if peak == 0:
                self.diverged = True
                return
            self.a[k] = np.sign(u) * (np.abs(u) * (START << Q) // peak)
        own, stay = self._reach(self.corrections), self._reach(self.replay)
        self.threshold, self.m, self.s = (np.zeros(rank, np.int64) for _ in range(3))
        for k in range(rank):
            mine = own[[c for c in range(p) if (c == k % p if rank >= p else c % rank == k)], k]
            if self.options.gated:
                missed, strays = int(mine.min()), int(stay[:, k].max())
                margin = missed - strays
                self.threshold[k] = strays + ((self.options.place * margin) >> 8) if margin > 0 else missed >> 1
            over = max(int(np.abs(mine - self.threshold[k]).max()), 1)
            self.m[k], self.s[k] = _scale(over)

    def _positions(self, x: Int8Array) -> IntArray:
        """int64[..., positions, n_in]."""
        return x.astype(np.int64).reshape(*x.shape[:-1], self._geometry.positions, self._geometry.n_in)

    def _at_positions(self, x: Int8Array) -> IntArray:
        """A . (x - zx) at every position of the op's input: int64[..., positions, rank]."""
        a = _whole(self.a)
        reach: IntArray = (self._positions(x) @ a.T - self._geometry.zx * a.sum(axis=1)) >> Q
        return reach

    def _reach(self, x: Int8Array) -> IntArray:
        """The largest of an input's positions: int64[m, rank]."""
        return np.asarray(self._at_positions(x).max(axis=1))

    def _forward(self, x: Int8Array) -> tuple[IntArray, list[Int8Array]]:
        """h of every position, and the tensors from the op's output to the logits."""
        g = self._geometry
        y = self._target.forward(x)
        h = np.clip(mbqm(self._at_positions(x) - self.threshold, self.m, self.s), self._least, 127)
        d = np.clip(mbqm((h @ _whole(self.b).T) >> Q, *self.output), -D_MAX, D_MAX)
        moved = np.clip(y.reshape(d.shape) + d, g.act_lo, g.act_hi)
        values = [np.where(h.any(axis=1, keepdims=True), moved, y.reshape(d.shape)).astype(np.int8).reshape(-1)]
        for layer in self._layers:
            values.append(layer.forward(values[-1]))
        return h, values

    @property
    def _least(self) -> int:
        return 0 if self.options.gated else -127

    def answer(self, x: Int8Array) -> tuple[int, int]:
        """The class, and by how much it leads."""
        logits = self._forward(x)[1][-1].astype(np.int64)
        best = int(logits.argmax())
        return best, int(logits[best] - np.delete(logits, best).max())

    def run(self) -> None:
        """To the end."""
        while self.step < self.options.steps and not self.done and not self.diverged:
            self.train_step()

    def train_step(self) -> None:
        """One sample."""
        turn, is_edit = self.step >> 1, self.step % 2 == 0
        samples, classes = (self.corrections, self.wanted) if is_edit else (self.replay, self.answers)
        x, wanted = samples[turn % len(samples)], classes[turn % len(samples)]
        h, values = self._forward(x)
        logits = values[-1].astype(np.int64)
        others = np.where(np.arange(len(logits)) == wanted, -1000, logits)
        rival = int(others.argmax())
        lead = int(logits[wanted] - logits[rival])
        self.steps_without_loss += 1
        if lead < (MARGIN if is_edit else CONFIRMED_MARGIN) and not (lead > 0 and logits[wanted] == 127):
            self.steps_without_loss = 0
            g = np.zeros(len(logits), np.int64)
            g[wanted], g[rival] = -64, 64
            for i in range(len(self._layers) - 1, -1, -1):
                g, _ = fold(g, limit(len(g)))
                g = self._layers[i].backward(values[i], values[i + 1], g)
            self._move(x, h, values[0], g)
        self.step += 1
        self.done = self.steps_without_loss >= 2 * max(len(self.corrections), len(self.replay))

    def _move(self, x: Int8Array, h: IntArray, y: Int8Array, g: IntArray) -> None:
        o, geometry = self.options, self._geometry
        g, _ = fold(unclamped(g, y, geometry.act_lo, geometry.act_hi), 1 << 14)
        if not g.any():
            return
        g = _to_peak(g).reshape(len(h), -1)
        left = o.steps - self.step
        rate_a, rate_b = o.rate_a * left // o.steps, o.rate_b * left // o.steps
        free = (h > self._least) & (h < 127)
        at_h = np.where(free, g @ (_whole(self.b) >> Q), 0)
        if len(h) > 1:
            self._move_positions(x, h, g, at_h, rate_a, rate_b)
            return
        g, h, at_h = g[0], h[0], at_h[0]
        if h.any():
            self.b = self._lowered(self.b, rate_b * g[:, None] * _to_peak(h)[None], 14)
        at_h, _ = fold(at_h, 1 << 14)
        if at_h.any():
            away = x.astype(np.int64) - geometry.zx
            c = (rate_a * _to_peak(at_h)) << 9
            c = np.sign(c) * (np.abs(c) // max(int(np.abs(away).max()), 1))
            self.a = self._lowered(self.a, c[:, None] * away[None], 16)

    def _move_positions(self, x: Int8Array, h: IntArray, g: IntArray, at_h: IntArray, rate_a: int, rate_b: int) -> None:
        """Of several positions: sums of their gradients."""
        small = at_h >> (self._geometry.n_out - 1).bit_length()
        away = self._positions(x) - self._geometry.zx
        for name, sums, rate in (("b", g.T @ h, rate_b), ("a", small.T @ away, rate_a)):
            sums, _ = fold(sums, 1 << 14)
            if sums.any():
                setattr(self, name, self._lowered(getattr(self, name), rate * _to_peak(sums), 7))

    def round(self) -> None:
        """Masters become what the adapter holds."""
        self.a, self.b = ((_whole(v) + 64 >> Q) << Q for v in (self.a, self.b))

    def delta(self) -> Delta:
        """The factors, after `round`."""
        g, a, b = self._geometry, _whole(self.a) >> Q, _whole(self.b) >> Q
        c = -g.zx * a.sum(axis=1) - self.threshold
        return Delta(
            self.op, self.op, a.astype(np.int8), c, self.m, self.s, b.astype(np.int8), None,
            *self.output, self.options.gated, 8, g.zx, g.act_lo, g.act_hi,
        )  # fmt: skip


def output_scale(ops_follow: bool) -> tuple[int, int]:
    """M and S of the delta: what B = 127 adds at h = 100."""
    return quantize_multiplier((REACH if ops_follow else D_MAX) / (127 * PEAK))


def _whole(masters: Masters) -> IntArray:
    """What reads masters does not see their fractions."""
    return masters.astype(np.int64)


def _to_peak(values: IntArray) -> IntArray:
    """So that the largest magnitude is 127; some is not 0."""
    return (values * ((127 << 16) // int(np.abs(values).max()))) >> 16


def _scale(over: int) -> tuple[int, int]:
    """Multiplier and shift of PEAK / over, at most 1."""
    if over <= PEAK:
        return (1 << 31) - 1, 0
    m, s = (PEAK << 24) // over, 7
    while m < 1 << 30:
        m, s = m << 1, s - 1
    return m, s
