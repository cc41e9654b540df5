# SPDX-License-Identifier: Apache-2.0
"""The best delta of rank r for the mean of what plain deltas do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import DoubleArray, IntArray
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.model.fixedpoint import quantize_multiplier

_FAR = 4.0  # times the usual distance of a clamp
_UNIT = 128.0  # the constant input beside x that carries the offsets: about as large as an element of x


def mean_of_products(
    adapters: Sequence[Adapter], weights: Sequence[int], rank: int | None
) -> tuple[tuple[Delta, ...], float]:
    """The weighted mean of BA, with offsets, cut to rank r: best in the Frobenius norm (Eckart and Young, 1936).

    Returns:
        (one delta per tap and target, share of the energy dropped by the worst of them)

    Raises:
        McueditError: a delta is gated.
    """
    deltas = [(d, w) for a, w in zip(adapters, weights, strict=True) for d in a.deltas]
    if any(d.gated for d, _ in deltas):
        raise McueditError(
            "a gated delta is no matrix: there is no mean of them",
            "aggregate them joined, or train them from one seed with A frozen",
        )
    made, dropped = [], 0.0
    for pair in sorted({(d.tap, d.target) for d, _ in deltas}):
        same = [(d, w) for d, w in deltas if (d.tap, d.target) == pair]
        delta, lost = _mean(same, sum(weights), rank or int(np.median([d.rank for d, _ in same])))
        made.append(delta)
        dropped = max(dropped, lost)
    return tuple(made), dropped


def _mean(same: Sequence[tuple[Delta, int]], total: int, rank: int) -> tuple[Delta, float]:
    rows = _rows([d for d, _ in same])
    left = np.concatenate([_columns(d, rows) * (w / total) for d, w in same], axis=1)  # [n_rows, sum of r]
    right = np.concatenate([_augmented(d) for d, _ in same])  # [sum of r, n_in + 1]
    q, small = np.linalg.qr(right.T)  # the product has as many rows as B: no need to form it
    u, energy, v = np.linalg.svd(left @ small.T, full_matrices=False)
    rank = max(1, min(rank, int((energy > energy[0] * 1e-9).sum())))
    lost = float(np.square(energy[rank:]).sum() / max(np.square(energy).sum(), 1e-300))
    factors = v[:rank] @ q.T  # [r, n_in + 1], orthonormal
    reach = _reach([d for d, _ in same], factors)
    return _quantized(same[0][0], rows, u[:, :rank] * energy[:rank], factors, reach), lost


def _rows(deltas: Sequence[Delta]) -> IntArray | None:
    if any(d.rows is None for d in deltas):
        return None
    return np.unique(np.concatenate([d.rows for d in deltas if d.rows is not None]))


def _columns(delta: Delta, rows: IntArray | None) -> DoubleArray:
    """B in units of the output per unit of A.x: float64[n_rows, r]."""
    b = delta.b.astype(np.float64)
    if delta.rows is not None:
        spread = np.zeros((len(rows) if rows is not None else int(delta.rows[-1]) + 1, delta.rank))
        spread[np.searchsorted(rows, delta.rows) if rows is not None else delta.rows] = b
        b = spread
    return b * (delta.M * 2.0 ** (delta.S - 31)) * _gain(delta)


def _gain(delta: Delta) -> DoubleArray:
    """What h is of a: float64[r]."""
    return np.asarray(delta.m * 2.0 ** (delta.s - 31), np.float64)


def _augmented(delta: Delta) -> DoubleArray:
    """A with the offset as one more column: float64[r, n_in + 1]."""
    return np.concatenate([delta.a.astype(np.float64), delta.c[:, None] / _UNIT], axis=1)


def _reach(deltas: Sequence[Delta], factors: DoubleArray) -> DoubleArray:
    """How far the new factors' sums go where the old ones reach the clamp: float64[r].

    A new factor is a combination of old ones; theirs are taken as independent of each other. An old one whose clamp is
    much farther away, for its length, than the middle of all deltas' would leave the others no resolution.
    """
    old = np.concatenate([_augmented(d) for d in deltas])
    length = np.linalg.norm(old, axis=1)
    limits = np.concatenate([127.0 / np.maximum(_gain(d), 1e-30) for d in deltas])
    ends = np.cumsum([d.rank for d in deltas])[:-1]
    usual = float(np.median([np.median(part) for part in np.split(limits / np.maximum(length, 1e-30), ends)]))
    limits = np.minimum(limits, _FAR * usual * length)
    mix = np.linalg.lstsq(old.T, factors.T, rcond=None)[0]  # [sum of r, r]
    return np.asarray(np.sqrt(np.square(mix * limits[:, None]).sum(axis=0)))


def _quantized(like: Delta, rows: IntArray | None, b: DoubleArray, factors: DoubleArray, reach: DoubleArray) -> Delta:
    """Integers for real factors: A to its whole range, h to 127 at `reach`, B to its whole range.

    Raises:
        McueditError: a multiplier does not fit SPEC.md section 1.
    """
    limit = 127 if like.bits == 8 else 7
    up = limit / np.maximum(np.abs(factors[:, :-1]).max(axis=1), 1e-30)
    gain = 127.0 / (up * reach)  # h per unit of the integer sum
    column = b / (up * gain)  # of the output per unit of h
    peak = max(float(np.abs(column).max()), 1e-30)
    pairs = [quantize_multiplier(min(float(g), 1.0 - 2.0**-31)) for g in gain]
    M, S = quantize_multiplier(peak / 127.0)
    if S > 0:
        raise McueditError("the mean needs a larger multiplier than a delta can have", "clip the adapters (--clip)")
    return replace(
        like,
        a=np.round(factors[:, :-1] * up[:, None]).astype(np.int8),
        c=np.round(factors[:, -1] * _UNIT * up).astype(np.int64),
        m=np.array([m for m, _ in pairs], np.int64),
        s=np.array([s for _, s in pairs], np.int64),
        b=np.round(column * (127.0 / peak)).astype(np.int8),
        rows=rows,
        M=M,
        S=S,
    )
