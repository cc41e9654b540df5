# SPDX-License-Identifier: Apache-2.0
"""Random deltas that are valid for a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.model.adaptable import OUTPUT, op_geometry, tap_geometry
from mcuedit.model.tflite import Model


def delta(
    model: Model,
    tap: int,
    target: int,
    *,
    rank: int = 1,
    bits: int = 8,
    gated: bool = True,
    rows: int | None = 2,
    seed: int = 0,
    width: int | None = None,
    conditional: bool = False,
) -> Delta:
    """Factors whose gates open for about half of all inputs; `rows` is None for a dense B, `width` for whole rows of A.

    Windows of `width` elements begin anywhere, the first one at the end of the row.
    """
    rng = np.random.default_rng(seed)
    source, sink = tap_geometry(model, tap), op_geometry(model, target)
    limit = 7 if bits == 4 else 127
    a = rng.integers(-limit, limit, (rank, source.n_in), endpoint=True).astype(np.int8)
    first = None
    if width is not None:
        first = rng.integers(0, source.n_in - width + 1, rank)
        first[0] = source.n_in - width
        place = np.arange(source.n_in) - first[:, None]
        a = np.where((place >= 0) & (place < width), a, 0).astype(np.int8)
    reach = limit * 74 * np.sqrt(source.n_in if width is None else max(1, width))  # of a sum over uniform inputs
    offset = rng.integers(-int(reach / 2), int(reach / 2), rank) - source.zx * a.sum(axis=1, dtype=np.int64)
    shift = int(np.clip(np.round(np.log2(100 / reach)), -31, 0))
    stored = sink.n_out if rows is None else rows
    index = None if rows is None else np.sort(rng.choice(sink.n_out, rows, replace=False)).astype(np.int64)
    return Delta(
        tap=tap,
        target=target,
        a=a,
        c=offset.astype(np.int64),
        m=rng.integers(1 << 30, 1 << 31, rank),
        s=np.full(rank, shift, np.int64),
        b=rng.integers(-127, 127, (stored, rank), endpoint=True).astype(np.int8),
        rows=index,
        M=int(rng.integers(1 << 30, 1 << 31)),
        S=int(rng.integers(-7, -4)),
        gated=gated,
        bits=bits,
        zx=source.zx,
        act_lo=sink.act_lo,
        act_hi=sink.act_hi,
        first=first,
        width=width or 0,
        conditional=conditional,
    )


def adapter(model: Model, *deltas: Delta, name: str = "test", labels: dict[int, str] | None = None) -> Adapter:
    """An adapter of these deltas."""
    return Adapter(name, "1.0", model.sha256, deltas, labels or {})


def pack(a: np.ndarray, bits: int) -> bytes:
    """Rows of A as on the device."""
    if bits == 8:
        return a.tobytes()
    nibbles = np.pad(a, ((0, 0), (0, a.shape[1] % 2))).view(np.uint8) & 0xF
    return (nibbles[:, ::2] | nibbles[:, 1::2] << 4).tobytes()


def at_every_op(model: Model, seed: int = 0) -> list[Adapter]:
    """An adapter for each op that can carry a delta: tapped at its input, at its output, and at an op before it."""
    able = [op.index for op in model.ops if _carries(model, op.index)]
    single = [index for index in able if op_geometry(model, index).single]
    made = []
    for i, op in enumerate(able):
        before = [index for index in single if index < op and op in single]
        output = [] if op_geometry(model, op).window else [op | OUTPUT]
        taps, rows = [op, *before[-1 - i % 3 :][:1], *output], [None, 1, 1]
        some = [
            delta(model, tap, op, rank=1 + (i + k) % 2, bits=(8, 4)[i % 2], rows=rows[k], seed=seed + 3 * i + k)
            for k, tap in enumerate(taps)
        ]
        conditional = [replace(d, conditional=(i + k) % 4 == 3) for k, d in enumerate(some)]
        made.append(adapter(model, *conditional, name=f"op{op}"))
    return made


def _carries(model: Model, index: int) -> bool:
    try:
        op_geometry(model, index)
    except McueditError:
        return False
    return True
