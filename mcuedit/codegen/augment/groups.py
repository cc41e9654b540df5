# SPDX-License-Identifier: Apache-2.0
"""Deltas that one pair of weighted ops serves together, without a sum that the deltas would not make themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.typing import BoolArray, Int8Array, IntArray
from mcuedit.adapter.delta import D_MAX, Delta
from mcuedit.codegen.augment.scales import Step
from mcuedit.model.adaptable import tap_geometry
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.tflite import Model

ALWAYS, MASK, ASKS, LOWERS = "always", "mask", "asks", "lowers"  # how the second question of a delta is answered
H_MAX = 127


@dataclass(frozen=True)
class Chunk:
    """Factors with one multiplier: int8[r, n_in], int32[r] not folded, and how their sums become h."""

    a: Int8Array
    bias: IntArray
    step: Step


@dataclass(frozen=True)
class Group:
    """Deltas of one tap and target.

    Attributes:
        chunks: their factors, one multiplier each.
        b: int8[n_out, r], r over all chunks; a row is of one delta alone.
        step: from B h to d.
        asks: when they act: always where gates are open; where the answer's column of `mask` says so; where d of the
            answer is below 0; or, of the only row, where d is.
        mask: bool[n_out, r]: whether a factor acts where that class is the answer.
    """

    tap: int
    target: int
    gated: bool
    chunks: tuple[Chunk, ...]
    b: Int8Array
    step: Step
    asks: str
    mask: BoolArray

    @property
    def rank(self) -> int:
        """Factors of all chunks."""
        return int(self.b.shape[1])

    @property
    def raises(self) -> BoolArray:
        """Rows to which something may be added: bool[n_out]."""
        found = (self.b > 0 if self.gated else self.b != 0).any(axis=1)
        return np.asarray(found & (self.asks != LOWERS))

    @property
    def lowers(self) -> BoolArray:
        """Rows from which something may be taken: bool[n_out]."""
        return np.asarray((self.b < 0 if self.gated else self.b != 0).any(axis=1))


def groups(model: Model, deltas: Sequence[Delta], n_out: int) -> list[Group]:
    """Groups of the deltas of one target, in which no two change one row."""
    found: list[Group] = []
    for delta in deltas:
        one = _group(model, delta, n_out)
        if one is None:
            continue
        place = next((i for i, other in enumerate(found) if _fit(one, other)), None)
        if place is None:
            found.append(one)
        else:
            found[place] = _joined(found[place], one)
    return found


def apart(found: Sequence[Group]) -> bool:
    """Whether sums of 8 bits, raising first, give what one sum does: no row is raised by one, lowered by another."""
    raised, lowered = (np.array([getattr(g, what) for g in found], bool) for what in ("raises", "lowers"))
    touched = (raised | lowered).sum(axis=0)
    return not bool(((touched > 1) & raised.any(axis=0) & lowered.any(axis=0)).any())


def _group(model: Model, delta: Delta, n_out: int) -> Group | None:
    """A delta by itself; None where it never changes anything."""
    chunks = tuple(_chunks(model, delta))
    b = np.zeros((n_out, delta.rank), np.int8)
    b[slice(None) if delta.rows is None else delta.rows] = delta.b
    order = [k for some in _alike(delta) for k in some]
    b = b[:, order]
    most = int(np.abs(b.astype(np.int64)).sum(axis=1).max(initial=0)) * H_MAX
    step = Step(delta.M, delta.S, -D_MAX, D_MAX, most)
    if not chunks or not b.any() or not step.reached:
        return None
    whole = Group(delta.tap, delta.target, delta.gated, chunks, b, step, ALWAYS, np.ones(b.shape, bool))
    if not delta.conditional:
        return whole
    if not whole.lowers.any():
        return None
    if n_out == 1:
        return replace(whole, asks=LOWERS)
    mask = b < 0
    least = mbqm(b[mask].astype(np.int64), delta.M, delta.S)  # of the smallest h that is open
    if delta.gated and delta.rank == 1 and (least < 0).all():
        return replace(whole, asks=MASK, mask=mask)
    return replace(whole, asks=ASKS)


def _alike(delta: Delta) -> list[list[int]]:
    """Factors by their multiplier, without those of multiplier 0, whose h is always 0."""
    pairs = list(zip(delta.m.tolist(), delta.s.tolist(), strict=True))
    return [[k for k, one in enumerate(pairs) if one == pair] for pair in dict.fromkeys(pairs) if pair[0]]


def _chunks(model: Model, delta: Delta) -> Iterator[Chunk]:
    least, most = -128 - delta.zx, 127 - delta.zx
    assert tap_geometry(model, delta.tap).zx == delta.zx
    for some in _alike(delta):
        a = delta.a[some].astype(np.int64)
        bias = delta.c[some] + delta.zx * a.sum(axis=1)
        reach = int((np.abs(bias) + np.abs(a).sum(axis=1) * max(most, -least)).max())
        step = Step(int(delta.m[some[0]]), int(delta.s[some[0]]), 0 if delta.gated else -H_MAX, H_MAX, reach)
        yield Chunk(delta.a[some], bias, step)


def _fit(one: Group, other: Group) -> bool:
    """Whether one op can make h of both, and another d, since no row is changed by both."""
    same = (one.tap, one.target, one.gated, one.asks) == (other.tap, other.target, other.gated, other.asks)
    single = len(one.chunks) == len(other.chunks) == 1 and one.asks in (ALWAYS, MASK)
    if not (same and single and one.rank + other.rank <= H_MAX):
        return False
    alike = _multiplier(one.chunks[0].step) == _multiplier(other.chunks[0].step)
    alike = alike and _multiplier(one.step) == _multiplier(other.step)
    return alike and not (one.b.any(axis=1) & other.b.any(axis=1)).any()


def _multiplier(step: Step) -> tuple[int, int]:
    return step.m, step.s


def _joined(one: Group, other: Group) -> Group:
    first, second = one.chunks[0], other.chunks[0]
    inward = replace(first.step, most=max(first.step.most, second.step.most))
    chunk = Chunk(np.concatenate([first.a, second.a]), np.concatenate([first.bias, second.bias]), inward)
    outward = replace(one.step, most=max(one.step.most, other.step.most))
    b, mask = (np.concatenate([getattr(g, what) for g in (one, other)], axis=1) for what in ("b", "mask"))
    return replace(one, chunks=(chunk,), b=b, step=outward, mask=mask)
