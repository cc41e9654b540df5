# SPDX-License-Identifier: Apache-2.0
"""Gates that open on edited tensors and on nothing that must stay.

Where an op has many rows (the positions of a convolution), an input opens a gate if some of its rows do. Which rows
tell it apart is found in turns: rows are chosen by their scores, and the gate is trained again on the chosen ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray
from mcuedit.model.adaptable import OpGeometry
from mcuedit.model.fixedpoint import dot
from mcuedit.training.core import gate_trainer
from mcuedit.training.work import Work

# Of gates between what must stay (0) and what is edited (1). What serves inputs held back best is taken, the first of
# equals.
PLACES = (0.3, 0.2, 0.1, 0.0, 0.5)
SLACK = 3  # h from which a logit moves all the way: 127 * h moves it by 255
FULL = (1 << 31) - 1, 0  # multiplier and shift nearest to 1
_SHARES = (0.5, 0.2, 0.05, 0.0)  # of the rows of an edited input that are to open; 0: one row
_TURNS = 2
_ELEMENTS, _FIRE = 1 << 23, 1 << 20  # of rows that stay, and of rows that open, in one training
_SPREAD, _FIRE_SPREAD = 1 << 21, 1 << 18  # the same where every input has many rows
_WHITENED, _WIDE = 4096, 1024  # rows that estimate a variation; columns beyond which fewer than that many do
_GATHER = 10  # what gathering an element costs, in multiplications
_MISSED, FALSE = 1.0, 4.0  # costs of a shut edit and of an open input that must stay, where they overlap


class Tapped:
    """What A meets at a tap, for all rows of a table.

    Attributes:
        tap: the op, with the width of what is seen of its rows.
    """

    def __init__(self, tap: OpGeometry, x: Int8Array, work: Work | None = None, seen: slice | None = None) -> None:
        """`x` int8[n, *input of the tap]; `seen` are the elements of every row that count, None all."""
        self._geometry, self._x, self.work, self._seen = tap, x, work or Work(), seen or slice(0, tap.n_in)
        self.tap = replace(tap, n_in=self._seen.stop - self._seen.start)
        self._chunk = max(1, (1 << 24) // (tap.rows * tap.n_in))

    def of(self, index: IntArray) -> Int8Array:
        """int8[m, rows, n_in] of some inputs."""
        return self._geometry.rows_of(self._x[index])[..., self._seen]

    def scores(self, a: Int8Array, index: IntArray) -> IntArray:
        """A.x of every row: int64[m, rows, k] for int8[k, n_in]."""
        self.work.add(len(index) * self.tap.rows * self.tap.n_in * (len(a) + _GATHER))
        parts = [dot(self.of(index[i : i + self._chunk]), a) for i in range(0, len(index), self._chunk)]
        return np.concatenate([np.zeros((0, self.tap.rows, len(a)), np.int64), *parts])

    def sample(self, index: IntArray, elements: int, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """Up to so many elements of random rows, and which of `index` each row is of: float32[m, n_in], int64[m]."""
        count = len(index) * self.tap.rows
        most = max(1, elements // self.tap.n_in)
        if not count:
            return np.zeros((0, self.tap.n_in), np.float32), np.zeros(0, np.int64)
        if count > most:  # whole inputs would leave few of them; some rows of every input say more
            each = max(1, most // len(index))
            index, place = index[rng.permutation(len(index))[:most]], np.arange(len(index))
            picked = [self.of(index[i : i + 1])[0, rng.permutation(self.tap.rows)[:each]] for i in range(len(index))]
            return np.concatenate(picked).astype(np.float32), np.repeat(place[: len(index)], each)
        flat = self.of(index).reshape(count, self.tap.n_in).astype(np.float32)
        return flat, np.repeat(np.arange(len(index)), self.tap.rows)


@dataclass(frozen=True)
class Task:
    """What gates are to tell apart, as rows of a table.

    Attributes:
        fire: int64[...] for each group of edits, the inputs that its gate opens on.
        stay: int64[k], inputs that open none.
        kinds: int64[n] by input, which vary in like manner: the class that the base gives.
    """

    fire: Sequence[IntArray]
    stay: IntArray
    kinds: IntArray


@dataclass(frozen=True)
class Gates:
    """Integer gates: a row opens where a.x + offset > 0.

    Attributes:
        a: int8[k, n_in]. group: int64[k], the edits that each is for.
        separate: bool[k], whether it opens on all of its edits and on nothing else, with a margin between.
        lowest, margin: int64[k], the lowest threshold of a gate, and how much higher it may be.
        place: of the gates in their margin, from 0, next to what must stay, to 1.
    """

    a: Int8Array
    group: IntArray
    separate: BoolArray
    lowest: IntArray
    margin: IntArray
    place: float

    @property
    def offset(self) -> IntArray:
        """int64[k]."""
        return np.asarray(-self.lowest - np.floor(self.place * self.margin).astype(np.int64))

    def opened(self, tapped: Tapped, index: IntArray) -> IntArray:
        """How many rows open, int64[m, k]."""
        return np.asarray((tapped.scores(self.a, index) + self.offset > 0).sum(axis=1))


def find_gates(tapped: Tapped, task: Task, bits: int, place: float, rank: int, seed: int) -> Gates:
    """Up to `rank` gates for each group: the second opens on what the first one misses, and so on."""
    search = _Search(tapped, task, bits, place, np.random.default_rng(seed))
    found: list[Gates] = []
    left = list(task.fire)
    for _ in range(rank):
        todo = [g for g, fire in enumerate(left) if len(fire)]
        if not todo:
            break
        made = search.one_each(left, todo)
        found.append(made)
        for k, g in enumerate(made.group):
            shut = made.opened(tapped, left[g])[:, k] == 0
            left[g] = left[g][shut]
    a, group, separate, lowest, margin = (
        np.concatenate([getattr(f, name) for f in found]) for name in ("a", "group", "separate", "lowest", "margin")
    )
    return Gates(a, group, separate, lowest, margin, place)


class _Search:
    """Trains gates of one task, round by round."""

    def __init__(self, tapped: Tapped, task: Task, bits: int, place: float, rng: np.random.Generator) -> None:
        self._tapped, self._task, self._bits, self._place, self._rng = tapped, task, bits, place, rng
        self._white = _whitening(tapped, task, rng)

    def one_each(self, left: Sequence[IntArray], todo: Sequence[int]) -> Gates:
        """One gate for each group of `todo`, trained on the inputs of it that are left."""
        tapped = self._tapped
        stay = _Stay(*_stay_rows(tapped, self._task, self._rng), self._white)
        tapped.work.add(stay.rows.size * tapped.tap.n_in)
        best: dict[int, tuple[Int8Array, bool, int, int]] = {}
        for share in _SHARES if tapped.tap.rows > 1 else (1.0,):
            open_groups = [g for g in todo if g not in best or not best[g][1]]
            if not open_groups:
                break
            count = max(1, round(share * tapped.tap.rows))
            a = self._directions([left[g] for g in open_groups], open_groups, stay, count)
            for row, g in zip(a, open_groups, strict=True):
                best[g] = (row, *_threshold(tapped, self._task, left[g], g, row, count))
        separate, lowest, margin = (np.array([best[g][i] for g in todo]) for i in (1, 2, 3))
        return Gates(np.stack([best[g][0] for g in todo]), np.array(todo), separate, lowest, margin, self._place)

    def _directions(self, fire: Sequence[IntArray], groups: Sequence[int], stay: _Stay, count: int) -> Int8Array:
        """int8[groups, n_in], trained on the `count` rows of each input that tell it apart best."""
        tapped, rng, white = self._tapped, self._rng, self._white
        number = {g: i for i, g in enumerate(groups)}
        own = np.array([number.get(int(o), -1) for o in stay.owner], np.int64)
        elements = _FIRE if tapped.tap.rows == 1 else _FIRE_SPREAD
        most = max(1, elements // (tapped.tap.n_in * count * len(groups)))
        fire = [index[rng.permutation(len(index))[:most]] for index in fire]
        rows = [tapped.of(index).astype(np.float32) for index in fire]
        middle = stay.rows.mean(axis=0) if len(stay.rows) else np.zeros(tapped.tap.n_in, np.float32)
        w = np.stack([white @ (white @ (r.mean(axis=(0, 1)) - middle)) for r in rows])
        turns = 1 if tapped.tap.rows == 1 else _TURNS
        for _ in range(turns):
            chosen = []
            for r, direction in zip(rows, w, strict=True):
                top = np.argsort(-(r @ direction), axis=1)[:, :count]
                chosen.append(np.take_along_axis(r, top[..., None], axis=1).reshape(-1, tapped.tap.n_in))
            width = max(map(len, chosen))
            opened = np.stack([c[np.resize(np.arange(len(c)), width)] for c in chosen])
            if stay.white is None:
                break
            w = stay.white.fit(own, opened)
            tapped.work.add(gate_trainer.cost(stay.rows, opened))
        return gate_trainer.quantize(w, self._bits)


class _Stay:
    """Rows that gates stay shut on, the group whose own gate may open there, and both in white coordinates."""

    def __init__(self, rows: FloatArray, owner: IntArray, white: FloatArray) -> None:
        self.rows, self.owner = rows, owner
        self.white = gate_trainer.White(rows, white) if len(rows) else None


def _stay_rows(tapped: Tapped, task: Task, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Rows that gates stay shut on, and the group whose own gate may open there, -1 for none."""
    elements = _ELEMENTS if tapped.tap.rows == 1 else _SPREAD
    parts = [tapped.sample(task.stay, elements, rng)[0]]
    owners = [np.full(len(parts[0]), -1, np.int64)]
    if len(task.fire) > 1:
        for g, fire in enumerate(task.fire):
            parts.append(tapped.sample(fire, elements // len(task.fire), rng)[0])
            owners.append(np.full(len(parts[-1]), g, np.int64))
    return np.concatenate(parts), np.concatenate(owners)


def _threshold(
    tapped: Tapped, task: Task, fire: IntArray, group: int, a: Int8Array, count: int
) -> tuple[bool, int, int]:
    """Whether a gate can open on all of its inputs and on nothing else; its lowest threshold, the margin above it."""
    own = np.sort(tapped.scores(a[None], fire)[..., 0], axis=1)[:, -count]
    others = [f for g, f in enumerate(task.fire) if g != group]
    stay = tapped.scores(a[None], np.concatenate([task.stay, *others])).max(axis=1, initial=-(1 << 40))[:, 0]
    highest, lowest = int(stay.max(initial=-(1 << 40))), int(own.min())
    if not len(stay):
        return True, lowest - SLACK - int(abs(lowest) * 0.1), 0
    if lowest - highest > SLACK:
        return True, highest, lowest - highest - SLACK
    values = np.unique(np.concatenate([own, stay])) - 1
    missed = np.searchsorted(np.sort(own), values, side="right") / len(own)
    opened = 1 - np.searchsorted(np.sort(stay), values, side="right") / len(stay)
    return False, int(values[np.argmin(_MISSED * missed + FALSE * opened)]), 0


def _whitening(tapped: Tapped, task: Task, rng: np.random.Generator) -> FloatArray:
    """float32[n_in, n_in]: what varies within one class becomes white."""
    index = np.concatenate([task.stay, *task.fire])
    kinds = np.concatenate(
        [task.kinds[task.stay], *(np.full(len(f), -1 - g, np.int64) for g, f in enumerate(task.fire))]
    )
    if tapped.tap.n_in <= _WIDE:
        rows, of = tapped.sample(index, _WHITENED * tapped.tap.n_in, rng)
        return gate_trainer.whitening(kinds[of], rows)
    rows, of = tapped.sample(index, _WIDE * tapped.tap.n_in, rng)
    return gate_trainer.wide_whitening(kinds[of], rows)
