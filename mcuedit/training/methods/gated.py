# SPDX-License-Identifier: Apache-2.0
"""One gated rank-1 factor per edit: a gate at the tap, two rows of logits at the target (DESIGN.md, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.typing import BoolArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, logits_tensor
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.fixedpoint import dot, quantize_multiplier
from mcuedit.model.tflite import Model
from mcuedit.training.core import gates as gate
from mcuedit.training.core.placement import Candidate
from mcuedit.training.core.suffix import Suffix, push
from mcuedit.training.examples.text import Examples

FULL = (1 << 31) - 1  # the multiplier nearest to 1, with shift 0
_SLACK = 3  # h from which 127 * h moves a logit by 255, all the way


@dataclass(frozen=True)
class Column:
    """What an open gate adds: stored rows of B (None: all), their values, and the requantization of B h."""

    rows: IntArray | None
    values: Int8Array
    M: int
    S: int


@dataclass(frozen=True)
class Gates:
    """Integer gates of some edits before they become deltas.

    Attributes:
        a: int8[edits, n_in].
        highest_stay: int64[edits], largest A.x over the clean inputs that must stay shut.
        lowest_fire: int64[edits], smallest A.x over the edit's own clean inputs.
    """

    a: Int8Array
    highest_stay: IntArray
    lowest_fire: IntArray

    @property
    def separate(self) -> BoolArray:
        """bool[edits]: an offset exists with which the gate opens on its own inputs and on no other."""
        return self.lowest_fire - self.highest_stay > _SLACK

    def offsets(self, place: float) -> IntArray:
        """Gate offsets, int64[edits]: `place` of the way from the highest shut to the lowest open activation.

        Where these overlap the gate opens on every input of its edit, and on some others.
        """
        room = np.maximum(self.lowest_fire - self.highest_stay - _SLACK, 0)
        threshold = self.highest_stay + np.floor(place * room).astype(np.int64)
        return -np.where(self.separate, threshold, self.lowest_fire - _SLACK)


def train(examples: Examples, tap: Int8Array, bits: int) -> Gates:
    """Trains the gates of all edits together.

    Args:
        tap: int8[n, n_in], the tap's input for each example.
    """
    rows = tap.astype(np.float32)
    white = gate.whitening(examples.group[examples.clean], rows[examples.clean])
    n_edits = len(examples.classes)
    own = [np.flatnonzero(examples.owner == e) for e in range(n_edits)]
    width = max(map(len, own))
    fire = rows[np.stack([np.resize(index, width) for index in own])]
    stay = examples.stay
    a = gate.quantize(gate.fit(gate.Rows(rows[stay], examples.owner[stay], fire), white), bits)
    return _measure(examples, tap, a)


def _measure(examples: Examples, tap: Int8Array, a: Int8Array) -> Gates:
    scores = dot(tap, a)
    own = examples.owner[:, None] == np.arange(len(a))[None, :]
    stay = ~own & examples.stay[:, None]
    big = np.int64(1) << 40

    def extreme(mask: BoolArray, top: bool) -> IntArray:
        found: IntArray = np.where(mask, scores, -big).max(axis=0) if top else np.where(mask, scores, big).min(axis=0)
        return found

    clean = examples.clean[:, None]
    return Gates(a, extreme(stay & clean, True), extreme(own & clean, False))


def factor_bytes(n_in: int, bits: int) -> int:
    """Bytes of the factors of one edit at the logits, with one old answer."""
    return 4 + 4 + 1 + (n_in if bits == 8 else (n_in + 1) // 2) + 2 * (2 + 1)


def trial(candidate: Candidate, deltas: Sequence[Delta], fresh: Examples, tap: Int8Array) -> Candidate:
    """Fills in how the gates fare on noisy copies that training has not seen, and on what must stay.

    Args:
        tap: int8[n, n_in], the tap's input for each example of `fresh`.
    """
    opened = np.concatenate([d.project(tap) > 0 for d in deltas], axis=1)
    own = (fresh.owner[:, None] == np.arange(len(deltas))[None, :]) & fresh.noisy[:, None]
    stay = fresh.stay & (fresh.owner < 0)
    recall = float(opened[own].mean())
    shut = float(1 - opened[stay].any(axis=1).mean()) if stay.any() else 1.0
    return replace(candidate, recall=recall, shut=shut)


def deltas(
    model: Model,
    gates: Gates,
    place: float,
    bits: int,
    columns: Sequence[Column],
    pair: tuple[int, int],
) -> list[Delta]:
    """A delta per gate.

    Args:
        columns: one per gate.
        pair: tap and target.
    """
    tap, target = (op_geometry(model, index) for index in pair)
    one = np.ones(1, np.int64)
    return [
        Delta(
            tap=pair[0],
            target=pair[1],
            a=a[None],
            c=c * one,
            m=FULL * one,
            s=0 * one,
            b=column.values[:, None],
            rows=column.rows,
            M=column.M,
            S=column.S,
            gated=True,
            bits=bits,
            zx=tap.zx,
            act_lo=target.act_lo,
            act_hi=target.act_hi,
        )
        for a, c, column in zip(gates.a, gates.offsets(place), columns, strict=True)
    ]


def logit_columns(examples: Examples, logits: Int8Array) -> list[Column]:
    """For a target that makes the logits: the new class goes to the top, the classes it had go to the bottom.

    A class that ties with the answer goes down too: where logits saturate, the new class can only join it at the top.

    Args:
        logits: int8[n, classes], of each example without the edits.
    """
    columns = []
    for e, wanted in enumerate(examples.classes):
        own = logits[examples.clean & (examples.owner == e)]
        had = np.flatnonzero((own == own.max(axis=1, keepdims=True)).any(axis=0))
        rows = np.union1d(wanted, had)
        columns.append(Column(rows, np.where(rows == wanted, 127, -127).astype(np.int8), FULL, 0))
    return columns


def solved_columns(model: Model, examples: Examples, now: Trace, target: int, seed: int) -> list[Column]:
    """For a target before the logits: what the ops after it turn into the new class."""
    rng = np.random.default_rng(seed)
    suffix, geometry = Suffix(model, target, logits_tensor(model)), op_geometry(model, target)
    y = now.values[model.ops[target].outputs[0]]
    m, s = quantize_multiplier(2 / 127)  # h = 127 adds twice the column
    columns = []
    for e, wanted in enumerate(examples.classes):
        own = examples.owner == e
        side = {t: now.values[t][own] for t in suffix.side}
        columns.append(Column(None, push(suffix, geometry, y[own], int(wanted), rng, side), m, s))
    return columns
