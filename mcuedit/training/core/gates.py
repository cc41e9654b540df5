# SPDX-License-Identifier: Apache-2.0
"""Gates that open on edited tensors and on nothing that must stay.

Where an op has many positions (those of a convolution), an input opens a gate if some of them do. Which positions tell
it apart is found in turns: they are chosen by their scores, and the gate is trained again on the chosen ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray
from mcuedit.model.adaptable import OpGeometry
from mcuedit.model.fixedpoint import dot
from mcuedit.training.core import gate_trainer
from mcuedit.training.core.gate_trainer import GateConfig
from mcuedit.training.work import Work

SLACK = 3  # h from which a logit moves all the way: 127 * h moves it by 255
FULL = (1 << 31) - 1, 0  # multiplier and shift nearest to 1
_GATHER = 10  # what gathering an element costs, in multiplications


@dataclass(frozen=True)
class SearchConfig:
    """How gates of tensors are found.

    Attributes:
        places: of gates between what must stay (0) and what is edited (1), where the user leaves that open. What serves
            inputs held back best is taken, the first of equals.
        shares: of the positions of an edited input that are to open, tried in turn; 0: one position.
        turns: of choosing positions and training on them.
        stay, fire: elements that stay, and that open, in one training. stay_spread, fire_spread: the same where every
            input has many positions.
        whitened: positions that estimate a variation. wide: elements of an input beyond which only so many do.
        missed, false: costs of a shut edit and of an open input that must stay, where they overlap.
        training: how each gate is trained.
    """

    places: tuple[float, ...] = (0.3, 0.2, 0.1, 0.0, 0.5)
    shares: tuple[float, ...] = (0.5, 0.2, 0.05, 0.0)
    turns: int = 2
    stay: int = 1 << 23
    fire: int = 1 << 20
    stay_spread: int = 1 << 21
    fire_spread: int = 1 << 18
    whitened: int = 4096
    wide: int = 1024
    missed: float = 1.0
    false: float = 4.0
    training: GateConfig = field(default_factory=GateConfig)


class Tapped:
    """What A meets at a tap, for all samples of a table.

    Attributes:
        tap: the op, with the width of what is seen at its positions.
    """

    def __init__(self, tap: OpGeometry, x: Int8Array, work: Work | None = None, seen: slice | None = None) -> None:
        """`x` int8[n, *input of the tap]; `seen` are the elements of every position that count, None all."""
        self._geometry, self._x, self.work, self._seen = tap, x, work or Work(), seen or slice(0, tap.n_in)
        self.tap = replace(tap, n_in=self._seen.stop - self._seen.start)
        self._chunk = max(1, (1 << 24) // (tap.positions * tap.n_in))

    def of(self, index: IntArray) -> Int8Array:
        """int8[m, positions, n_in] of some inputs."""
        return self._geometry.positions_of(self._x[index])[..., self._seen]

    def scores(self, a: Int8Array, index: IntArray) -> IntArray:
        """A.x of every position: int64[m, positions, k] for int8[k, n_in]."""
        self.work.add(len(index) * self.tap.positions * self.tap.n_in * (len(a) + _GATHER))
        parts = [dot(self.of(index[i : i + self._chunk]), a) for i in range(0, len(index), self._chunk)]
        return np.concatenate([np.zeros((0, self.tap.positions, len(a)), np.int64), *parts])

    def sample(self, index: IntArray, elements: int, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """Up to so many elements of random positions, and which of `index` each is of: float32[m, n_in], int64[m]."""
        count = len(index) * self.tap.positions
        most = max(1, elements // self.tap.n_in)
        if not count:
            return np.zeros((0, self.tap.n_in), np.float32), np.zeros(0, np.int64)
        if count > most:  # whole inputs would leave few of them; some of every input say more
            each = max(1, most // len(index))
            index, place = index[rng.permutation(len(index))[:most]], np.arange(len(index))
            picked = [
                self.of(index[i : i + 1])[0, rng.permutation(self.tap.positions)[:each]] for i in range(len(index))
            ]
            return np.concatenate(picked).astype(np.float32), np.repeat(place[: len(index)], each)
        flat = self.of(index).reshape(count, self.tap.n_in).astype(np.float32)
        return flat, np.repeat(np.arange(len(index)), self.tap.positions)


@dataclass(frozen=True)
class Task:
    """What gates are to tell apart, as samples of a table.

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
    """Integer gates: a position opens where a.x + offset > 0.

    Attributes:
        a: int8[k, n_in]. group: int64[k], the edits that each is for.
        separate: bool[k], whether it opens on all of its edits and on nothing else, with a margin between.
        lowest, margin: int64[k], the lowest threshold of a gate, and how much higher it may be.
        place: of the gates in their margin, from 0, next to what must stay, to 1; of all, or float64[k] of each.
    """

    a: Int8Array
    group: IntArray
    separate: BoolArray
    lowest: IntArray
    margin: IntArray
    place: float | FloatArray

    @property
    def offset(self) -> IntArray:
        """int64[k]."""
        return np.asarray(-self.lowest - np.floor(self.place * self.margin).astype(np.int64))

    def opened(self, tapped: Tapped, index: IntArray) -> IntArray:
        """How many positions open, int64[m, k]."""
        return np.asarray((tapped.scores(self.a, index) + self.offset > 0).sum(axis=1))


@dataclass(frozen=True)
class GateForm:
    """How gates are stored and where they stand.

    Attributes:
        bits: of an element of A. place: as in `Gates`.
    """

    bits: int
    place: float


def find_gates(tapped: Tapped, task: Task, form: GateForm, rank: int, config: SearchConfig, seed: int) -> Gates:
    """Up to `rank` gates for each group: the second opens on what the first one misses, and so on."""
    search = _Search(tapped, task, form, config, np.random.default_rng(seed))
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
    return Gates(a, group, separate, lowest, margin, form.place)


class _Search:
    """Trains gates of one task, round by round."""

    def __init__(
        self, tapped: Tapped, task: Task, form: GateForm, config: SearchConfig, rng: np.random.Generator
    ) -> None:
        self._tapped, self._task, self._form, self._how, self._rng = tapped, task, form, config, rng
        self._white = _whitening(tapped, task, config, rng)

    def one_each(self, left: Sequence[IntArray], todo: Sequence[int]) -> Gates:
        """One gate for each group of `todo`, trained on the inputs of it that are left."""
        tapped = self._tapped
        stay = self._stay()
        tapped.work.add(stay.x.size * tapped.tap.n_in)
        best: dict[int, tuple[Int8Array, bool, int, int]] = {}
        for share in self._how.shares if tapped.tap.positions > 1 else (1.0,):
            open_groups = [g for g in todo if g not in best or not best[g][1]]
            if not open_groups:
                break
            count = max(1, round(share * tapped.tap.positions))
            a = self._directions([left[g] for g in open_groups], open_groups, stay, count)
            for one, g in zip(a, open_groups, strict=True):
                best[g] = (one, *self._threshold(left[g], g, one, count))
        separate, lowest, margin = (np.array([best[g][i] for g in todo]) for i in (1, 2, 3))
        return Gates(np.stack([best[g][0] for g in todo]), np.array(todo), separate, lowest, margin, self._form.place)

    def _directions(self, fire: Sequence[IntArray], groups: Sequence[int], stay: _Stay, count: int) -> Int8Array:
        """int8[groups, n_in], trained on the `count` positions of each input that tell it apart best."""
        tapped, rng, white = self._tapped, self._rng, self._white
        number = {g: i for i, g in enumerate(groups)}
        own = np.array([number.get(int(o), -1) for o in stay.owner], np.int64)
        elements = self._how.fire if tapped.tap.positions == 1 else self._how.fire_spread
        most = max(1, elements // (tapped.tap.n_in * count * len(groups)))
        fire = [index[rng.permutation(len(index))[:most]] for index in fire]
        inputs = [tapped.of(index).astype(np.float32) for index in fire]
        middle = stay.x.mean(axis=0) if len(stay.x) else np.zeros(tapped.tap.n_in, np.float32)
        w = np.stack([white @ (white @ (r.mean(axis=(0, 1)) - middle)) for r in inputs])
        turns = 1 if tapped.tap.positions == 1 else self._how.turns
        for _ in range(turns):
            chosen = []
            for r, direction in zip(inputs, w, strict=True):
                top = np.argsort(-(r @ direction), axis=1)[:, :count]
                chosen.append(np.take_along_axis(r, top[..., None], axis=1).reshape(-1, tapped.tap.n_in))
            width = max(map(len, chosen))
            opened = np.stack([c[np.resize(np.arange(len(c)), width)] for c in chosen])
            if stay.white is None:
                break
            w = stay.white.fit(own, opened)
            tapped.work.add(gate_trainer.cost(stay.x, opened, self._how.training))
        return gate_trainer.quantize(w, self._form.bits)

    def _stay(self) -> _Stay:
        """Positions that gates stay shut on, and the group whose own gate may open there, -1 for none."""
        tapped, task, rng = self._tapped, self._task, self._rng
        elements = self._how.stay if tapped.tap.positions == 1 else self._how.stay_spread
        parts = [tapped.sample(task.stay, elements, rng)[0]]
        owners = [np.full(len(parts[0]), -1, np.int64)]
        if len(task.fire) > 1:
            for g, fire in enumerate(task.fire):
                parts.append(tapped.sample(fire, elements // len(task.fire), rng)[0])
                owners.append(np.full(len(parts[-1]), g, np.int64))
        return _Stay(np.concatenate(parts), np.concatenate(owners), self._white, self._how.training)

    def _threshold(self, fire: IntArray, group: int, a: Int8Array, count: int) -> tuple[bool, int, int]:
        """Whether a gate can open on all its inputs and on nothing else; its lowest threshold, the margin above it."""
        tapped, task, how = self._tapped, self._task, self._how
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
        return False, int(values[np.argmin(how.missed * missed + how.false * opened)]), 0


class _Stay:
    """Positions that gates stay shut on, the group whose own gate may open there, and both in white coordinates."""

    def __init__(self, x: FloatArray, owner: IntArray, white: FloatArray, config: GateConfig) -> None:
        self.x, self.owner = x, owner
        self.white = gate_trainer.White(x, white, config) if len(x) else None


def _whitening(tapped: Tapped, task: Task, config: SearchConfig, rng: np.random.Generator) -> FloatArray:
    """float32[n_in, n_in]: what varies within one class becomes white."""
    index = np.concatenate([task.stay, *task.fire])
    kinds = np.concatenate(
        [task.kinds[task.stay], *(np.full(len(f), -1 - g, np.int64) for g, f in enumerate(task.fire))]
    )
    if tapped.tap.n_in <= config.wide:
        x, of = tapped.sample(index, config.whitened * tapped.tap.n_in, rng)
        return gate_trainer.whitening(kinds[of], x, config.training.whitening)
    x, of = tapped.sample(index, config.wide * tapped.tap.n_in, rng)
    return gate_trainer.wide_whitening(kinds[of], x, config.training.whitening)
