# SPDX-License-Identifier: Apache-2.0
"""One adapter from those of many devices.

Averaging A and B apart is not averaging what they do, BA. Three ways are right, each for adapters of its kind:

- shared: all have the same A, frozen, and differ in B. The mean of B is the mean of BA, exactly; it is taken in
  integers, so that neither the order nor the place of summation shows.
- factored: plain deltas with their own A. The best approximation of rank r of the mean of BA (Eckart and Young, 1936).
- joined: gated deltas with their own A. What a gate does has no mean; all factors are kept side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray
from mcuedit.adapter.delta import Adapter, Delta, check_adapter
from mcuedit.federated.factored import mean_of_products
from mcuedit.model.tflite import Model

SHARED, FACTORED, JOINED = "shared", "factored", "joined"
HOW = ("auto", SHARED, FACTORED, JOINED)


@dataclass(frozen=True)
class Aggregate:
    """What came of some adapters.

    Attributes:
        how: SHARED, FACTORED or JOINED.
        clipped: adapters whose B was scaled down.
        dropped: share of the energy of the mean of BA, its squared Frobenius norm, that rank r cannot hold.
    """

    adapter: Adapter
    how: str
    adapters: int
    clipped: int
    dropped: float


@dataclass(frozen=True)
class Aggregation:
    """How adapters are aggregated.

    Attributes:
        how: one of HOW; "auto" takes SHARED where A is the same in all, else FACTORED for plain deltas and JOINED for
            gated ones.
        weights: positive integers, one an adapter, such as how many corrections it learned; None: all the same.
        clip: L2 norm in int8 units that the B of an adapter has at most, so that none can outweigh the rest.
        trim: for SHARED: leave out so many of the largest and of the smallest values of each element (a trimmed
            mean; Yin et al., 2018): as many adapters may be anything.
        rank: for FACTORED; None: the largest that comes in.
        name: of the adapter that is made.
    """

    how: str = "auto"
    weights: Sequence[int] | None = None
    clip: int | None = None
    trim: int = 0
    rank: int | None = None
    name: str = "federated"


def aggregate(adapters: Sequence[Adapter], model: Model, asked: Aggregation | None = None) -> Aggregate:
    """Aggregates adapters for one base; without `asked`, as Aggregation's defaults have it.

    Raises:
        McueditError: they are for several bases, or cannot be aggregated in that way.
    """
    asked = asked or Aggregation()
    if not adapters:
        raise McueditError("no adapter to aggregate", "give two or more")
    for adapter in adapters:
        check_adapter(adapter, model)
    weights, how = _weights(asked.weights, len(adapters)), asked.how
    if how not in HOW:
        raise McueditError(f"no way {how!r} to aggregate", f"one of {', '.join(HOW)}")
    if how == "auto":
        how = SHARED if _same_a(adapters) else JOINED if any(d.gated for a in adapters for d in a.deltas) else FACTORED
    if asked.trim and how != SHARED:
        raise McueditError(f"a trimmed mean of {how} adapters", "only adapters with one frozen A have one")
    labels = _labels(adapters)
    clipped, count = _clipped(adapters, asked.clip)
    if how == SHARED:
        deltas, dropped = _shared(clipped, weights, asked.trim), 0.0
    elif how == FACTORED:
        deltas, dropped = mean_of_products(clipped, weights, asked.rank)
    else:
        deltas, dropped = tuple(d for a in clipped for d in a.deltas), 0.0
    info = {"federated": {"how": how, "adapters": len(adapters), "weights": list(weights)}}
    made = Adapter(asked.name, "1.0.0", model.sha256, deltas, labels, info, output=model.output_name)
    check_adapter(made, model)
    return Aggregate(made, how, len(adapters), count, dropped)


def mean(total: IntArray, weight: int) -> IntArray:
    """Weighted sum to mean, ties away from zero: int64, any shape."""
    quotient: IntArray = (2 * np.abs(total) + weight) // (2 * weight)
    return np.sign(total) * quotient


def _weights(weights: Sequence[int] | None, n: int) -> tuple[int, ...]:
    weights = (1,) * n if weights is None else tuple(weights)
    if len(weights) != n:
        raise McueditError(f"{len(weights)} weights for {n} adapters", "give one an adapter, in their order")
    if min(weights) < 1 or sum(weights) >= 1 << 23:
        raise McueditError(f"weights {min(weights)} to {max(weights)}", "integers from 1 on with a sum below 2^23")
    return weights


def _same_a(adapters: Sequence[Adapter]) -> bool:
    return all(
        len(a.deltas) == len(adapters[0].deltas) and all(map(_same_but_b, a.deltas, adapters[0].deltas))
        for a in adapters
    )


def _same_but_b(delta: Delta, other: Delta) -> bool:
    scalars = ("tap", "target", "M", "S", "gated", "bits", "conditional")
    arrays = ("a", "c", "m", "s")
    return all(getattr(delta, n) == getattr(other, n) for n in scalars) and all(
        np.array_equal(getattr(delta, n), getattr(other, n)) for n in arrays
    )


def _labels(adapters: Sequence[Adapter]) -> dict[int, str]:
    found: dict[int, str] = {}
    for adapter in adapters:
        for index, label in adapter.labels.items():
            if found.setdefault(index, label) != label:
                raise McueditError(
                    f"class {index} is {found[index]!r} in one adapter and {label!r} in another",
                    "agree on the spare classes first: name them when the edits are trained",
                )
    return found


def _clipped(adapters: Sequence[Adapter], norm: int | None) -> tuple[list[Adapter], int]:
    """The adapters with the B of all deltas together within `norm`, and how many were not."""
    if norm is None:
        return list(adapters), 0
    made, count = [], 0
    for adapter in adapters:
        flat = np.concatenate([d.b.ravel() for d in adapter.deltas]).astype(np.int64)
        short = privacy.clip(flat, norm)
        count += bool((short != flat).any())
        parts = np.split(short.astype(np.int8), np.cumsum([d.b.size for d in adapter.deltas])[:-1])
        deltas = tuple(replace(d, b=p.reshape(d.b.shape)) for d, p in zip(adapter.deltas, parts, strict=True))
        made.append(replace(adapter, deltas=deltas))
    return made, count


def _shared(adapters: Sequence[Adapter], weights: Sequence[int], trim: int) -> tuple[Delta, ...]:
    if not _same_a(adapters):
        raise McueditError(
            "the adapters do not share one A", "train them from one seed with A frozen, or aggregate them factored"
        )
    if trim and (2 * trim >= len(adapters) or len(set(weights)) > 1):
        raise McueditError(
            f"a mean of {len(adapters)} adapters trimmed by {trim} on each side",
            "trim fewer than half of them on each side, and give no weights",
        )
    made = []
    for same in zip(*(a.deltas for a in adapters), strict=True):
        dense = any(d.rows is None for d in same)
        rows = None if dense else np.unique(np.concatenate([d.rows for d in same if d.rows is not None]))
        b = np.stack([_spread(d, rows) for d in same])
        if trim:
            kept = np.sort(b, axis=0)[trim : len(b) - trim]
            made.append(replace(same[0], rows=rows, b=mean(kept.sum(axis=0), len(kept)).astype(np.int8)))
        else:
            total = np.tensordot(np.array(weights, np.int64), b, axes=1)
            made.append(replace(same[0], rows=rows, b=mean(total, sum(weights)).astype(np.int8)))
    return tuple(made)


def _spread(delta: Delta, rows: IntArray | None) -> IntArray:
    """B over more rows: int64[rows, r]; all of the target's when `rows` is None."""
    if rows is None:
        if delta.rows is not None:
            raise McueditError("some adapters store all rows of B, others a few", "train them with the same rows")
        return delta.b.astype(np.int64)
    spread = np.zeros((len(rows), delta.rank), np.int64)
    spread[np.searchsorted(rows, delta.rows if delta.rows is not None else [])] = delta.b
    return spread
