# SPDX-License-Identifier: Apache-2.0
"""How far an adapter moves the outputs of its targets, in the units of these (SPEC.md, section 12)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcuedit._util.typing import DoubleArray, IntArray
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.tflite import Model


def widest(delta: Delta, *, linear: bool = False) -> DoubleArray:
    """The largest |h| that each factor has on any int8 input: float64[r].

    Args:
        linear: h as of the product BA, which knows no clamp and no rounding.
    """
    a = delta.a.astype(np.int64)
    most = delta.c + np.maximum(a * 127, a * -128).sum(axis=1)
    least = delta.c + np.minimum(a * 127, a * -128).sum(axis=1)
    ends = np.stack([most, least])
    if linear:
        return np.asarray(np.abs(ends).max(axis=0) * (delta.m * 2.0 ** (delta.s - 31)), np.float64)
    h = np.clip(mbqm(ends, delta.m, delta.s), 0 if delta.gated else -127, 127)
    return np.asarray(np.abs(h).max(axis=0), np.float64)


def unit(delta: Delta, model: Model) -> float:
    """What 1 of B times 1 of h adds to the target's output, in its units."""
    scale = model.tensors[model.ops[delta.target].outputs[0]].scale
    return float(delta.M * 2.0 ** (delta.S - 31)) * (float(scale[0]) if scale.size else 1.0)


def moves(delta: Delta, b: IntArray, model: Model, *, linear: bool = False) -> DoubleArray:
    """How far a B, int64[n_rows, r], moves each stored row of the target's output on any input: float64[n_rows]."""
    return np.asarray(unit(delta, model) * (np.abs(b) @ widest(delta, linear=linear)), np.float64)


def norm(adapter: Adapter, model: Model, *, linear: bool = False) -> float:
    """The most by which an adapter moves an output: of x -> B h(A x + c), from int8 inputs, the largest row.

    It counts what A, c, m and M make of B: a small B behind a large multiplier goes as far as a large B behind a small
    one.
    """
    total: dict[int, DoubleArray] = {}
    for delta in adapter.deltas:
        rows = np.arange(len(delta.b)) if delta.rows is None else delta.rows
        size = max(int(rows[-1]) + 1, len(total.get(delta.target, ())))
        spread = np.zeros(size)
        spread[rows] = moves(delta, delta.b.astype(np.int64), model, linear=linear)
        old = total.get(delta.target, np.zeros(0))
        spread[: len(old)] += old
        total[delta.target] = spread
    return max((float(rows.max()) for rows in total.values()), default=0.0)


def shorter(adapter: Adapter, share: float) -> Adapter:
    """The adapter with its B times `share`, 0 to 1, rounded towards zero, so that its norm is no more than that."""
    deltas = tuple(
        replace(d, b=(np.sign(d.b) * np.floor(np.abs(d.b.astype(np.int64)) * share)).astype(np.int8))
        for d in adapter.deltas
    )
    return replace(adapter, deltas=deltas)
