# SPDX-License-Identifier: Apache-2.0
"""One adapter from those of many devices.

Averaging A and B apart is not averaging what they do, BA. Three ways are right, each for adapters of its kind; who
aggregates says which:

- shared: all have the A, gates, multipliers and rows of the round, and differ in B. The mean of B is the mean of BA; it
  is taken in integers, so that neither the order nor the place of summation shows, and without the extreme values of
  each element, so that what one client alone says does not count (Yin et al., 2018).
- factored: plain deltas with their own A. The best approximation of rank r of the mean of BA (Eckart and Young, 1936).
- joined: gated deltas with their own A. What a gate does has no mean; all factors are kept side by side, and act in
  full: for adapters of one's own.

What one client can do is bounded (SPEC.md, section 12).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray
from mcuedit.adapter.delta import Adapter, Delta, check_adapter
from mcuedit.federated import effect
from mcuedit.federated.factored import mean_of_products
from mcuedit.federated.round import Dropped, Pins, Submission
from mcuedit.model.tflite import Model

SHARED, FACTORED, JOINED = "shared", "factored", "joined"
HOW = (SHARED, FACTORED, JOINED)
_FAR = 2  # times the middle of what the clients do: nobody does more


@dataclass(frozen=True)
class Aggregate:
    """What came of some adapters.

    Attributes:
        how: SHARED, FACTORED or JOINED.
        adapters: how many count. dropped: which do not, and why.
        clip: the most by which one of them may move an output, in its units. clipped: how many would have moved more.
        trim: how many may be anything, for SHARED.
        energy_dropped: share of the energy of the mean of BA, its squared Frobenius norm, that rank r cannot hold.
    """

    adapter: Adapter
    how: str
    adapters: int
    dropped: tuple[Dropped, ...]
    clip: float
    clipped: int
    trim: int
    energy_dropped: float


@dataclass(frozen=True)
class Aggregation:
    """How adapters are aggregated, which is up to the server alone.

    Attributes:
        how: one of HOW.
        start: the adapter that the round began from. For SHARED all of it but B is pinned; its labels are those that
            come out.
        clients: names of those who may submit; None: all.
        weights: positive integers, one a submission, such as how many corrections it learned; None: all the same.
        clip: the most by which an adapter may move an output, in its units; None: twice the median of what they do.
        trim: for SHARED: leave out so many of the largest and of the smallest values of each element: as many adapters
            may be anything. None: a tenth of them, and one of 3 at least; none with weights.
        rank: for FACTORED; None: the median of what comes in.
        name: of the adapter that is made.
    """

    how: str = SHARED
    start: Adapter | None = None
    clients: Collection[str] | None = None
    weights: Sequence[int] | None = None
    clip: float | None = None
    trim: int | None = None
    rank: int | None = None
    name: str = "federated"


def aggregate(submissions: Sequence[Adapter | Submission], model: Model, asked: Aggregation | None = None) -> Aggregate:
    """Aggregates what clients sent for one base; without `asked`, as Aggregation's defaults have it.

    Raises:
        McueditError: what is asked for does not go together, or no submission fits.
    """
    asked = asked or Aggregation()
    given = [s if isinstance(s, Submission) else Submission(f"adapter {i}", s) for i, s in enumerate(submissions)]
    weights = _checked(asked, len(given), model)
    pins = Pins(model, asked.start, asked.clients, asked.how == SHARED, asked.how == FACTORED)
    fitting, dropped = pins.admit(given)
    if not fitting:
        why = "; ".join(f"{d.client}: {d.reason}" for d in dropped[:5])
        raise McueditError("no adapter to aggregate" + (f": {why}" if why else ""), "give some that fit the round")
    weights = [weights[place] for place, _ in fitting]
    norms = [effect.norm(adapter, model, linear=asked.how == FACTORED) for _, adapter in fitting]
    clip = asked.clip if asked.clip is not None else _FAR * float(np.median([n for n in norms if n] or [0.0]))
    clipped = [a if n <= clip else effect.shorter(a, clip / n) for (_, a), n in zip(fitting, norms, strict=True)]
    trim, lost = _trim(asked, len(clipped)), 0.0
    if asked.how == SHARED:
        deltas = _shared(clipped, weights, trim)
    elif asked.how == FACTORED:
        deltas, lost = mean_of_products(clipped, weights, asked.rank)
    else:
        deltas = tuple(d for a in clipped for d in a.deltas)
    info = {"federated": {"how": asked.how, "adapters": len(clipped), "weights": weights}}
    labels = {} if asked.start is None else asked.start.labels
    made = Adapter(asked.name, "1.0.0", model.sha256, deltas, labels, info, output=model.output_name)
    check_adapter(made, model)
    return Aggregate(made, asked.how, len(clipped), tuple(dropped), clip, sum(n > clip for n in norms), trim, lost)


def mean(total: IntArray, weight: int) -> IntArray:
    """Weighted sum to mean, ties away from zero: int64, any shape."""
    quotient: IntArray = (2 * np.abs(total) + weight) // (2 * weight)
    return np.sign(total) * quotient


def _checked(asked: Aggregation, n: int, model: Model) -> list[int]:
    """The weights of n submissions; refuses what does not go together."""
    weights = [1] * n if asked.weights is None else list(asked.weights)
    if asked.how not in HOW:
        raise McueditError(f"no way {asked.how!r} to aggregate", f"one of {', '.join(HOW)}")
    if asked.how == SHARED and asked.start is None:
        raise McueditError(
            "shared adapters without the one that the round began from",
            "give it: all of it but B is pinned; or aggregate factored or joined",
        )
    if asked.start is not None:
        check_adapter(asked.start, model)
    if len(weights) != n:
        raise McueditError(f"{len(weights)} weights for {n} adapters", "give one an adapter, in their order")
    if n and (min(weights) < 1 or sum(weights) >= 1 << 23):
        raise McueditError(f"weights {min(weights)} to {max(weights)}", "integers from 1 on with a sum below 2^23")
    if asked.trim and asked.how != SHARED:
        raise McueditError(f"a trimmed mean of {asked.how} adapters", "only adapters with one frozen A have one")
    if asked.trim and len(set(weights)) > 1:
        raise McueditError("a trimmed mean with weights", "give no weights, or no --trim")
    if asked.clip is not None and not 0 < asked.clip < float("inf"):
        raise McueditError(f"clip {asked.clip}", "more than 0: the most by which an adapter may move an output")
    return weights


def _trim(asked: Aggregation, n: int) -> int:
    """How many values are left out at each end."""
    if asked.how != SHARED or len(set(asked.weights or ())) > 1:
        return 0
    if asked.trim is None:
        return max(n // 10, int(n >= 3))
    return min(asked.trim, (n - 1) // 2)  # clients that were dropped make nobody else's round fail


def _shared(adapters: Sequence[Adapter], weights: Sequence[int], trim: int) -> tuple[Delta, ...]:
    made = []
    for same in zip(*(a.deltas for a in adapters), strict=True):
        b = np.stack([d.b.astype(np.int64) for d in same])
        if trim:
            kept = np.sort(b, axis=0)[trim : len(b) - trim]
            made.append(replace(same[0], b=mean(kept.sum(axis=0), len(kept)).astype(np.int8)))
        else:
            total = np.tensordot(np.array(weights, np.int64), b, axes=1)
            made.append(replace(same[0], b=mean(total, sum(weights)).astype(np.int8)))
    return tuple(made)
