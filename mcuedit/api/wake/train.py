# SPDX-License-Identifier: Apache-2.0
"""Gates on the last op of a streaming net: shut on the wake word, open on what misfires, and the other way round.

A gate fires per inference. Those that take the wake away are trained on inferences at which the score is high in
streams that are not to wake, against those of the wake word. Those that give it are trained on the best inferences of
wake phrases that are missed, against all of speech that is not to wake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.api.wake.decision import Rule, Scores
from mcuedit.api.wake.net import Heard, Net
from mcuedit.model.adaptable import op_geometry
from mcuedit.training.core import gate_trainer
from mcuedit.training.core.gate_trainer import GateConfig
from mcuedit.training.core.gates import FULL

LOWER, RAISE = -127, 127


@dataclass(frozen=True)
class Config:
    """How gates are trained.

    Attributes:
        rank: gates of either kind, at most.
        hot: share of the cutoff from which an inference of a misfiring stream is to be silenced.
        warm: the same of the wake word, on which such a gate stays shut.
        near: share of the cutoff from which a stream counts as a misfire.
        held, blocks: of so many parts of the wake phrases one in `held` says where a gate stands, not where it looks.
        back: steps, of 40 between inputs to be silenced, by which it stands above the lowest place that is possible.
        stay: inferences that a gate stays shut on, at most; the rest is looked at for the hardest.
        whole: elements of A beyond which 4 bits are taken. wide: beyond which a window of so many is: one gate, signed,
            then takes less than 400 bytes.
        seed: of what is drawn.
    """

    rank: int = 1
    hot: float = 0.6
    warm: float = 0.3
    near: float = 0.7
    held: int = 4
    blocks: int = 16
    back: int = 2
    stay: int = 12000
    whole: int = 128
    wide: int = 128
    seed: int = 0
    gate: GateConfig = field(default_factory=lambda: GateConfig(hardest=1024))


@dataclass(frozen=True)
class Gate:
    """One gate: open where a.x > threshold; it moves the logit all the way.

    Attributes:
        a: int8[n_in]. threshold: of the sum. first: where its window begins; None: it has none. way: LOWER or RAISE.
    """

    a: Int8Array
    threshold: int
    first: int | None
    way: int

    def opened(self, heard: Heard) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """bool[T]."""
        return np.asarray(_sums(heard.x, self.a) > self.threshold)


class Trainer:
    """Trains gates of one net under one rule."""

    def __init__(self, net: Net, rule: Rule, config: Config) -> None:
        self._net, self._rule, self._how = net, rule, config
        n_in = op_geometry(net.model, net.op.index).n_in
        self.bits = 8 if n_in <= config.whole else 4
        self._width = config.wide if n_in > config.wide else n_in
        self._rng = np.random.default_rng(config.seed)

    def remove(self, wake: Sequence[Heard], others: Sequence[Heard]) -> list[Gate]:
        """Gates that silence streams which misfire, and no inference of the wake word that counts."""
        rule, how, found = self._rule, self._how, list[Gate]()
        aside = np.arange(len(wake)) * how.blocks // max(len(wake), 1) % how.held == how.held - 1
        stay = _joined(
            [h.x[self._counts(h, how.warm)] for h, out in zip(wake, aside, strict=True) if not out], self._net
        )
        woken = [h for h in wake if rule.level(h.scores) > rule.cutoff]
        left = [h for h in others if rule.level(h.scores) > how.near * rule.cutoff]
        for _ in range(how.rank):
            if not left or not len(stay):
                break
            fire = [h.x[self._counts(h, how.hot)] for h in left]
            gate = self._lowering(_joined(fire, self._net), stay, woken, found)
            if gate is None:
                break
            found.append(gate)
            left = [h for h in left if rule.level(moved(h, found)) > rule.cutoff]
        return found

    def recover(self, wake: Sequence[Heard], others: Sequence[Heard]) -> list[Gate]:
        """Gates that raise the best inferences of wake phrases which are missed, and nothing else that is heard."""
        rule, found = self._rule, list[Gate]()
        left = [h for h in wake if rule.level(h.scores) <= rule.cutoff and len(h) > rule.first]
        every = _joined([h.x[rule.first :] for h in others], self._net)
        for _ in range(self._how.rank):
            if not left or not len(every):
                break
            fire = _joined([h.x[self._best(h)] for h in left], self._net)
            gate = self._raising(fire, every, others)
            if gate is None:
                break
            found.append(gate)
            left = [h for h in left if rule.level(moved(h, found)) <= rule.cutoff]
        return found

    def delta(self, gates: Sequence[Gate]) -> Delta:
        """The gates as a delta of the net's last op."""
        geometry = op_geometry(self._net.model, self._net.op.index)
        count = np.ones(len(gates), np.int64)
        first = None if gates[0].first is None else np.array([g.first for g in gates], np.int64)
        return Delta(
            self._net.op.index,
            self._net.op.index,
            a=np.stack([g.a for g in gates]),
            c=np.array([-g.threshold for g in gates], np.int64),
            m=FULL[0] * count,
            s=FULL[1] * count,
            b=np.array([[g.way for g in gates]], np.int8),
            rows=None,
            M=FULL[0],
            S=FULL[1],
            gated=True,
            bits=self.bits,
            zx=geometry.zx,
            act_lo=geometry.act_lo,
            act_hi=geometry.act_hi,
            first=first,
            width=0 if first is None else self._width,
        )

    def _counts(self, heard: Heard, share: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Inferences that may wake the device, and whose score is that share of the cutoff."""
        late = np.arange(len(heard)) >= self._rule.first - self._rule.window
        return np.asarray((heard.scores >= share * self._rule.cutoff) & late)

    def _best(self, heard: Heard) -> slice:
        """The window of inferences with the highest logits, and one on either side."""
        first, size = self._rule.first, self._rule.window
        total = np.convolve(heard.logit[first:].astype(np.int64), np.ones(size, np.int64), "valid")
        at = first + int(total.argmax()) if len(total) else first
        return slice(max(at - 1, 0), at + size + 1)

    def _lowering(self, fire: Int8Array, stay: Int8Array, woken: Sequence[Heard], found: Sequence[Gate]) -> Gate | None:
        """One gate beside those found: as low as every phrase still wakes the device, and somewhat higher."""
        a, first = self._direction(fire, stay)
        steps = np.unique(np.quantile(_sums(fire, a), np.linspace(0, 1, 41)).astype(np.int64))[::-1]
        gates: list[Gate] = []
        for threshold in steps[1:].tolist():
            gate = Gate(a, threshold, first, LOWER)
            if any(self._rule.level(moved(h, [*found, gate])) <= self._rule.cutoff for h in woken):
                break
            gates.append(gate)
        return gates[max(0, len(gates) - 1 - self._how.back)] if gates else None

    def _raising(self, fire: Int8Array, every: Int8Array, others: Sequence[Heard]) -> Gate | None:
        """One gate that, of all that is not to wake, wakes nothing which the base does not wake at."""
        some = self._rng.permutation(len(every))[: self._how.stay]
        stay = every[some]
        for _ in range(2):
            a, first = self._direction(fire, stay)
            hardest = np.argsort(-_sums(every, a), kind="stable")[: self._how.stay // 4]
            stay = np.concatenate([stay, every[hardest]])
        quiet = [h for h in others if self._rule.level(h.scores) <= self._rule.cutoff]
        opens = np.unique(np.quantile(_sums(fire, a), np.linspace(0, 1, 41)).astype(np.int64))
        for i, threshold in enumerate(opens[:-1]):
            gate = Gate(a, int(threshold), first, RAISE)
            if not any(self._rule.level(moved(h, [gate])) > self._rule.cutoff for h in quiet):
                return Gate(a, int(opens[min(i + 2, len(opens) - 2)]), first, RAISE)  # two steps above the edge
        return None

    def _direction(self, fire: Int8Array, stay: Int8Array) -> tuple[Int8Array, int | None]:
        """A row of A, and where its window begins."""
        w = self._fit(fire, stay)
        if self._width == len(w):
            return gate_trainer.quantize(w[None], self.bits)[0], None
        spread = np.concatenate([fire, stay]).astype(np.float32).std(axis=0)
        held = np.concatenate([[0.0], np.cumsum(np.abs(w) * spread)])
        starts = np.arange(0, len(w) - self._width + 1, 4)
        first = int(starts[np.argmax(held[starts + self._width] - held[starts])])
        seen = slice(first, first + self._width)
        a = np.zeros(len(w), np.int8)
        a[seen] = gate_trainer.quantize(self._fit(fire[:, seen], stay[:, seen])[None], self.bits)[0]
        return a, first

    def _fit(self, fire: Int8Array, stay: Int8Array) -> FloatArray:
        """The direction that tells inferences apart, float32[n_in]."""
        x = np.concatenate([stay, fire]).astype(np.float32)
        kinds = np.repeat([0, 1], [len(stay), len(fire)])
        some = self._rng.permutation(len(x))[: self._how.gate.whitening.samples]
        white = gate_trainer.whitening(kinds[some], x[some], self._how.gate.whitening)
        opens = x[len(stay) :][self._rng.permutation(len(fire))[: self._how.stay]]
        some = self._rng.permutation(len(stay))[: 2 * self._how.stay]
        seen = gate_trainer.White(x[some], white, self._how.gate)
        return np.asarray(seen.fit(np.full(len(some), -1), opens[None])[0])


def moved(heard: Heard, gates: Sequence[Gate]) -> Scores:
    """Scores with the gates in force, where no two of different ways are open: a search need not be exact."""
    made = heard.scores.copy()
    for gate in gates:
        made[gate.opened(heard)] = 0 if gate.way == LOWER else 255
    return made


def _sums(x: Int8Array, a: Int8Array) -> IntArray:
    """A.x of every inference: float32 holds these sums exactly, 127 * 128 * 960 < 2^24."""
    return np.asarray(x.astype(np.float32) @ a.astype(np.float32), np.int64)


def _joined(parts: Sequence[Int8Array], net: Net) -> Int8Array:
    return np.concatenate([np.zeros((0, op_geometry(net.model, net.op.index).n_in), np.int8), *parts])
