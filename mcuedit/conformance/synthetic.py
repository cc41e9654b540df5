# SPDX-License-Identifier: Apache-2.0
"""Adapters that repair nothing: random factors of every kind, to compare arithmetic byte for byte."""

from __future__ import annotations

import math

import numpy as np

from mcuedit.adapter.delta import Adapter, Delta, check
from mcuedit.model.adaptable import is_adaptable, op_geometry
from mcuedit.model.tflite import Model

_MULTIPLIERS = (1 << 30, (1 << 31) - 1)


def adapters(model: Model, count: int, seed: int = 0) -> list[Adapter]:
    """`count` random adapters for a model, deterministic.

    Gated and plain, rank 1 to 4, 8 and 4 bits, sparse and dense, tap at the target and before it, by turns.
    """
    rng = np.random.default_rng(seed)
    able = [op.index for op in model.ops if is_adaptable(model, op)]
    single = [index for index in able if op_geometry(model, index).single]
    made = []
    for i in range(count):
        target = able[-1 - i % len(able)]
        earlier = [index for index in single if index < target and target in single]
        tap = earlier[i % len(earlier)] if earlier and i % 2 else target
        delta = _delta(model, rng, tap, target, i)
        check(delta, model)
        made.append(Adapter(f"random{i}", "1", model.sha256, (delta,), {}))
    return made


def _delta(model: Model, rng: np.random.Generator, tap: int, target: int, kind: int) -> Delta:
    rank, bits = 1 + kind % 4, (8, 4)[kind // 2 % 2]
    source, aim = op_geometry(model, tap), op_geometry(model, target)
    limit = 127 if bits == 8 else 7
    a = rng.integers(-limit, limit + 1, (rank, source.n_in))
    typical = limit * 64 * math.sqrt(source.n_in)  # of the accumulator, for random inputs
    gated, dense = kind % 3 != 0, kind % 4 == 0  # the first one is plain and dense: it always shows
    rows = None if dense else np.sort(rng.choice(aim.n_out, min(aim.n_out, 2 + kind % 5), replace=False))
    n_rows = aim.n_out if rows is None else len(rows)
    offset = rng.uniform(-1, 1, rank) * typical - source.zx * a.sum(axis=1) * (not gated)
    return Delta(
        tap=tap,
        target=target,
        a=a.astype(np.int8),
        c=np.round(offset).astype(np.int64),
        m=rng.integers(*_MULTIPLIERS, rank),
        s=np.full(rank, -max(0, math.ceil(math.log2(typical / 127))), np.int64),
        b=rng.integers(-127, 128, (n_rows, rank)).astype(np.int8),
        rows=rows,
        M=int(rng.integers(*_MULTIPLIERS)),
        S=-math.ceil(math.log2(rank * 64)),
        gated=gated,
        bits=bits,
        zx=source.zx,
        act_lo=aim.act_lo,
        act_hi=aim.act_hi,
        conditional=kind % 5 > 2,
    )
