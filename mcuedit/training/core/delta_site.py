# SPDX-License-Identifier: Apache-2.0
"""A tap and a target with the samples of a table there, and what a delta between them gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import D_MAX, Delta, add
from mcuedit.adapter.forward import Trace
from mcuedit.model.adaptable import OpGeometry, op_geometry, tap_geometry, tap_tensor
from mcuedit.model.ops.common import unclamped
from mcuedit.model.tflite import Model
from mcuedit.training.core.gates import Tapped
from mcuedit.training.core.objective import Judged, Objective
from mcuedit.training.core.suffix import Suffix
from mcuedit.training.work import Work

_WORK = 1 << 22  # elements that the ops after a target make in one step of training; bounds its time and memory

BATCH, FEW = 128, 32  # inputs of a step of training at most, and where a step takes long


@dataclass(frozen=True)
class Table:
    """The examples of a set of edits.

    Attributes:
        now: values of the examples with the adapters in force, without the new delta.
        objective: what they are to become.
        edit, keep: int64[...], samples of the table.
        work: counts what is computed with them.
    """

    model: Model
    now: Trace
    objective: Objective
    edit: IntArray
    keep: IntArray
    work: Work = field(default_factory=Work)

    def part(self, edit: IntArray, keep: IntArray) -> Table:
        """The same table with fewer samples in use."""
        return Table(self.model, self.now, self.objective, edit, keep, self.work)


@dataclass(frozen=True)
class Factors:
    """Integer factors before they have a place.

    Attributes:
        a: int8[r, n_in], or of the window. offset: int64[r], as the device adds it to A.x.
        requantization: m and s of every h.
        b: int8[n_out, r]. output: M and S.
        gated: whether h is clamped at 0 below. bits: of an element of A.
    """

    a: Int8Array
    offset: IntArray
    requantization: tuple[int, int]
    b: Int8Array
    output: tuple[int, int]
    gated: bool
    bits: int


class DeltaSite:
    """One pair of tap and target."""

    def __init__(self, table: Table, pair: tuple[int, int], seen: slice | None = None, most: int = BATCH) -> None:
        """`seen` is the window of A in the input of the tap; None is all of it. `most` bounds the batch."""
        self.table, self.pair, self._most, model = table, pair, most, table.model
        self.tap: OpGeometry = tap_geometry(model, pair[0])
        self.target: OpGeometry = op_geometry(model, pair[1])
        x = table.now.values[tap_tensor(model, pair[0])]
        self.whole = Tapped(self.tap, x, table.work)
        self.tapped, self._seen = Tapped(self.tap, x, table.work, seen) if seen else self.whole, seen
        self._y = table.now.values[model.ops[pair[1]].outputs[0]]

    @cached_property
    def suffix(self) -> Suffix:
        """The ops from the target's output to the objective."""
        return Suffix(self.table.model, self.pair[1], self.table.objective.end)

    @property
    def at_end(self) -> bool:
        """Whether nothing that computes stands between the target and the objective, and there is one position."""
        made, size = self.table.model.ops[self.pair[1]].outputs[0], self.target.n_out
        return self.target.single and made == self.table.objective.end and self._y[0].size == size

    @cached_property
    def batch(self) -> int:
        """How many inputs a step of training takes."""
        return self.at_once(self._most)

    @property
    def step_cost(self) -> int:
        """Multiplications of a step of training, roughly: edits and inputs that stay, there and back."""
        return 4 * self.batch * self.suffix.cost

    def at_once(self, most: int) -> int:
        """How many inputs to look at together, at most so many."""
        model = self.table.model
        later = {t for op in model.ops[self.pair[1] :] if model.is_core(op) for t in op.outputs}
        made = sum(model.tensors[t].size for t in later) + self.tap.positions * self.tap.n_in
        return int(np.clip(_WORK // made, 16, most))

    def y(self, index: IntArray) -> Int8Array:
        """The target's output: int8[m, positions, n_out]."""
        return self._y[index].reshape(len(index), -1, self.target.n_out)

    def moved(self, delta: Delta, h: IntArray, y: Int8Array) -> Int8Array:
        """The target's output with a delta, int8[m, positions, n_out]; h int64[m, positions, rank]."""
        at = h.any(axis=-1)
        moved = y.copy()
        moved[at] = add([delta], [h[at]], y[at])
        return moved

    def judge(self, moved: Int8Array, index: IntArray, edits: int) -> tuple[Judged, Judged, Callable[[], FloatArray]]:
        """How samples do, the first `edits` of which are edited ones and the others are to stay.

        Returns:
            (of the edited ones, of the others, the gradient by `moved` of the sum of both: float32 as moved)
        """
        self.table.work.add(2 * len(index) * self.suffix.cost)
        side = {t: self.table.now.values[t][index] for t in self.suffix.side}
        values = self.suffix.forward(moved, side)
        end = values[self.suffix.end].reshape(len(index), self.table.model.tensors[self.suffix.end].size)
        edited = self.table.objective.edited(end[:edits], index[:edits])
        kept = self.table.objective.kept(end[edits:], index[edits:])

        def pull() -> FloatArray:
            grad = self.suffix.backward(np.concatenate([edited.grad, kept.grad]), values).reshape(moved.shape)
            return unclamped(grad, moved, self.target.act_lo, self.target.act_hi)

        return edited, kept, pull

    def delta(self, factors: Factors) -> Delta:
        """A delta; rows of B that are 0 are left out where that saves bytes."""
        a, b = factors.a, factors.b
        rows = np.flatnonzero(b.any(axis=1))
        dense = not len(rows) or len(rows) * (2 + b.shape[1]) >= b.size
        one, first, width = np.ones(len(a), np.int64), None, 0
        if self._seen is not None:
            first, width = self._seen.start * one, a.shape[1]
            a = np.pad(a, ((0, 0), (self._seen.start, self.tap.n_in - self._seen.stop)))
        return Delta(
            *self.pair,
            a=a,
            c=factors.offset.astype(np.int64),
            m=factors.requantization[0] * one,
            s=factors.requantization[1] * one,
            b=b if dense else b[rows],
            rows=None if dense else rows.astype(np.int64),
            M=factors.output[0],
            S=factors.output[1],
            gated=factors.gated,
            bits=factors.bits,
            zx=self.tap.zx,
            act_lo=self.target.act_lo,
            act_hi=self.target.act_hi,
            first=first,
            width=width,
        )

    def through(self, b: npt.NDArray[np.generic], h: IntArray, output: tuple[int, int]) -> BoolArray:
        """Where the gradient passes the clamp of d: bool[m, positions, n_out]."""
        d = h.astype(np.float32) @ b.T.astype(np.float32) * np.float32(output[0] * 2.0 ** (output[1] - 31))
        return np.asarray(np.abs(d) < D_MAX)
