# SPDX-License-Identifier: Apache-2.0
"""New keywords from a few recordings: how often they are heard, by people whom training never heard.

A keyword is heard at 1 % false accepts: the threshold is the one that one in a hundred recordings of all other words
by the same people exceeds. What the shipped threshold gives is counted, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import DoubleArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, answers, logits_tensor, with_deltas
from mcuedit.edits import TensorSet, ToClass
from mcuedit.evaluation.figures import Figures
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle, Reader
from mcuedit.ondevice import tensor_corrections as device
from mcuedit.ondevice.corrections import Unlearned, learn
from mcuedit.training import Options, Problem, fit
from mcuedit.training.placement.pairs import logits_op
from mcuedit.zoo.words import baselines
from mcuedit.zoo.words.speech import Names, Recordings

FALSE = 0.01
NEAREST, LAST, ADAPTER, DEVICE, PERSONAL = "nearest", "last layer", "adapter", "device", "one speaker"
METHODS = (NEAREST, LAST, ADAPTER, DEVICE, PERSONAL)
_TOLD = 8  # recordings that a device takes
_CHUNK = 256


@dataclass(frozen=True)
class Task:
    """What is learned and who says it.

    Attributes:
        recordings: of all words, known and new ones, by all speakers.
        known: words of the base. new: keywords to be added, each by itself.
        train, test: speakers. wanted: the class that a new keyword becomes.
        shots: recordings of a keyword, of as many speakers as there are. personal: of one speaker.
        keep: recordings of known words that must stay.
    """

    recordings: Recordings
    known: Names
    new: Names
    train: Names
    test: Names
    wanted: int
    shots: int = 10
    personal: int = 5
    keep: int = 600


@dataclass(frozen=True)
class Row(Figures):
    """Means over keywords and seeds, shares in 0..1.

    Attributes:
        method: how keywords were added. edits: how many were.
        heard: recordings of the keyword that are heard at 1 % false accepts. worst: of the keyword that fares worst.
        shipped, false: recordings heard, and false accepts, at the threshold that the method itself sets.
        identical: recordings of known words whose logits are the base's, byte for byte; None: not asked.
        size: bytes that are stored. refused: of the edits, by the device.
    """

    method: str
    edits: int
    heard: float
    worst: float
    shipped: float
    false: float
    identical: float
    size: float
    refused: int


@dataclass(frozen=True)
class _One:
    """One keyword, once: what is told, and what is measured with."""

    keyword: str
    told: IntArray
    keep: IntArray
    same: IntArray
    other: IntArray
    known: IntArray


@dataclass(frozen=True)
class _Result:
    """Scores of the recordings to measure with, and what the method itself does with them."""

    same: DoubleArray
    other: DoubleArray
    accepted: float
    false: float
    identical: float
    size: float
    refused: bool = False


class Known:
    """A reader that has run every recording once; rows of tap and logits only.

    It stands in for the oracle, so that the bench trains by the same code as `mcuedit edit`.
    """

    name = "remembered"

    def __init__(
        self, base: Base, oracle: Oracle, recordings: Recordings, advance: Callable[[int], None] = lambda count: None
    ) -> None:
        self._oracle, self._x = oracle, recordings.x
        op = logits_op(base.model)
        if op is None:
            raise McueditError("no op of this base that makes the logits can carry a delta", "give a keyword net")
        model = base.model
        self.op = op
        self.tensors = tuple(dict.fromkeys([model.ops[op].inputs[0], logits_tensor(model), *model.outputs]))
        parts = []
        for start in range(0, len(recordings), _CHUNK):
            some = recordings.x[start : start + _CHUNK]
            parts.append(oracle.activations(some, self.tensors))
            advance(len(some))
        self.values = {t: np.concatenate([part[t] for part in parts]) for t in self.tensors}
        self._row = {x.tobytes(): i for i, x in enumerate(recordings.x)}
        self.read = Reader(base, self, self.tensors)
        self.rows = self.values[self.tensors[0]].reshape(len(recordings), -1)
        self.logits = self.values[logits_tensor(model)].reshape(len(recordings), -1)

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """As the oracle's."""
        index = np.array([self._row.get(one.tobytes(), -1) for one in x], np.int64)
        found = {t: self.values[t][index] for t in tensors}
        new = np.flatnonzero(index < 0)
        if len(new):
            for t, values in self._oracle.activations(x[new], tensors).items():
                found[t][new] = values
        return found

    def trace(self, index: IntArray) -> Trace:
        """Of some recordings, by number."""
        return Trace({t: values[index] for t, values in self.values.items()})


def bench(
    known: Known,
    task: Task,
    seeds: Sequence[int],
    options: Options | None = None,
    methods: Sequence[str] = METHODS,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Row]:
    """Adds every new keyword by every method, once for each seed, and measures on speakers never heard."""
    options = replace(options or Options(), tap=str(known.op), target=str(known.op))
    rows = []
    for method in methods:
        found: dict[str, list[_Result]] = {}
        for keyword in task.new:
            for seed in seeds:
                one = _draw(task, str(keyword), seed, personal=method == PERSONAL)
                found.setdefault(one.keyword, []).append(_RUN[method](known, task, one, replace(options, seed=seed)))
                advance(1)
        rows.append(_row(method, found))
    return rows


def _row(method: str, found: dict[str, list[_Result]]) -> Row:
    each = {word: [at_false(r.same, r.other) for r in results] for word, results in found.items()}
    every = [r for results in found.values() for r in results]
    means = {name: float(np.mean([getattr(r, name) for r in every])) for name in ("accepted", "false", "identical")}
    return Row(
        method,
        len(every),
        float(np.mean([np.mean(v) for v in each.values()])),
        float(min(np.mean(v) for v in each.values())),
        means["accepted"],
        means["false"],
        means["identical"],
        float(np.mean([r.size for r in every])),
        sum(r.refused for r in every),
    )


def at_false(same: DoubleArray, other: DoubleArray, share: float = FALSE) -> float:
    """How many of `same` score higher than all but a share of `other`."""
    least = np.sort(other)[len(other) - 1 - int(share * len(other))]
    return float((same > least).mean())


def _draw(task: Task, keyword: str, seed: int, personal: bool) -> _One:
    """What is told and what is measured with; of one person, told and measured with the same one."""
    said, rng = task.recordings, np.random.default_rng([seed, *keyword.encode()])
    own, tested = said.words == keyword, np.isin(said.speakers, task.test)
    if personal:
        person = rng.choice(task.test)
        mine = rng.permutation(np.flatnonzero(own & (said.speakers == person)))
        told, same = mine[: task.personal], mine[task.personal :]
    else:
        told = _of_many(said, own & np.isin(said.speakers, task.train), task.shots, rng)
        same = np.flatnonzero(own & tested)
    if not len(told) or not len(same):
        raise McueditError(f"too few recordings of {keyword!r}", "give more speakers, or other keywords")
    keep = np.flatnonzero(np.isin(said.words, task.known) & np.isin(said.speakers, task.train))
    keep = rng.choice(keep, min(task.keep, len(keep)), replace=False)
    known = np.flatnonzero(np.isin(said.words, task.known) & tested)
    return _One(keyword, told, keep, same, np.flatnonzero(~own & tested), known)


def _of_many(said: Recordings, which: np.ndarray, count: int, rng: np.random.Generator) -> IntArray:
    """Recordings of as many speakers as possible, each once before any twice."""
    order = rng.permutation(np.flatnonzero(which))
    turns = np.array([int((said.speakers[order[:i]] == said.speakers[at]).sum()) for i, at in enumerate(order)])
    return np.asarray(order[np.argsort(turns, kind="stable")][:count], np.int64)


def _set(task: Task, one: _One) -> TensorSet:
    x, keep = task.recordings.x[one.told], task.recordings.x[one.keep]
    none = np.zeros((0, *x.shape[1:]), np.int8)
    return TensorSet(x, ToClass(np.full(len(x), task.wanted)), keep, none, None, none, None, None, "recordings", ())


def _by_delta(known: Known, one: _One, wanted: int, delta: Delta | None) -> _Result:
    """What a delta at the last layer does."""
    if delta is None:
        none = np.zeros(len(one.same)), np.zeros(len(one.other))
        return _Result(*none, 0.0, 0.0, 1.0, 0.0, refused=True)
    logits = logits_tensor(known.read.base.model)

    def after(index: IntArray) -> Int8Array:
        return with_deltas(known.read.base.model, [delta], known.trace(index)).values[logits].reshape(len(index), -1)

    def score(index: IntArray) -> DoubleArray:
        reach = known.rows[index].astype(np.int64) @ delta.a.astype(np.int64).T + delta.c
        return np.asarray((reach / np.linalg.norm(delta.a.astype(float), axis=1)).max(axis=1))

    identical = (after(one.known) == known.logits[one.known]).all(axis=1)
    accepted, false = ((answers(after(index)) == wanted).mean() for index in (one.same, one.other))
    return _Result(
        score(one.same), score(one.other), float(accepted), float(false), float(identical.mean()), delta.factor_bytes
    )


def _adapter(known: Known, task: Task, one: _One, options: Options) -> _Result:
    made = fit("tensors", Problem(known.read, _set(task, one)), options)
    return _by_delta(known, one, task.wanted, made.adapter.deltas[0])


def _device(known: Known, task: Task, one: _One, options: Options) -> _Result:
    """A device is told so many recordings as it can take, and confirmed some others."""
    one = replace(one, told=one.told[:_TOLD])
    data = _set(task, one)
    (session,), _ = device.tensor_sessions(data, len(one.told), 32, options.seed)
    statistics = device.tensor_statistics(known.read, data.keep, known.op)
    try:
        delta = learn(known.read, session, statistics, (known.op, known.op))
    except Unlearned:
        return _by_delta(known, one, task.wanted, None)
    return _by_delta(known, one, task.wanted, delta)


def _nearest(known: Known, task: Task, one: _One, options: Options) -> _Result:
    stored, kept = known.rows[one.told], known.rows[one.keep]
    same, other = (baselines.nearness(known.rows[index], stored) for index in (one.same, one.other))
    least = float(baselines.nearness(kept, stored).max())  # opens on nothing that must stay
    quiet = baselines.nearness(known.rows[one.known], stored) <= least
    return _Result(
        same, other, float((same > least).mean()), float((other > least).mean()), float(quiet.mean()), stored.nbytes
    )


def _last(known: Known, task: Task, one: _One, options: Options) -> _Result:
    model = known.read.base.model
    tuned = baselines.tuned_last_layer(
        model, model.ops[known.op], known.rows[np.concatenate([one.told, one.keep])],
        np.concatenate([np.full(len(one.told), task.wanted), answers(known.logits[one.keep])]),
    )  # fmt: skip
    before, after = (tuned.logits(known.rows[one.known], new) for new in (False, True))
    same, other = (tuned.lead(known.rows[index], task.wanted) for index in (one.same, one.other))
    identical = float((before == after).all(axis=1).mean())
    return _Result(same, other, float((same > 0).mean()), float((other > 0).mean()), identical, tuned.size)


_RUN: dict[str, Callable[[Known, Task, _One, Options], _Result]] = {
    NEAREST: _nearest,
    LAST: _last,
    ADAPTER: _adapter,
    DEVICE: _device,
    PERSONAL: _adapter,
}
