# SPDX-License-Identifier: Apache-2.0
"""Deltas whose A is random and frozen, so that only B is learned (SPEC.md, section 12; FFA-LoRA, Sun et al., 2024).

With A the same for everybody the mean of B is the mean of BA, and a gradient is a handful of integers: what federated
and private training need. firmware/federate/federate.c does the same to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta, add
from mcuedit.model.adaptable import op_geometry, tap_geometry
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.tflite import Model

MARGIN = 8  # logits by which the wanted class is to lead: firmware/federate/federate.c, as what follows
ONE = 256  # master units per int8 unit of B


@dataclass(frozen=True)
class FrozenA:
    """How a shared A is drawn.

    Attributes:
        rank: how many gates.
        seed: draws A: all that a device needs to be told of it.
        step: logits that one unit of B times one unit of h adds.
        active: share of the keep set that a gate is open on.
        reach: h of a gate on its widest input.
    """

    rank: int
    seed: int = 0
    step: float = 0.02
    active: float = 0.2
    reach: int = 100


def shared_delta(
    model: Model, pair: tuple[int, int], rows: Sequence[int], frozen: FrozenA, tapped: Int8Array, white: FloatArray
) -> Delta:
    """A delta with random gates, frozen from here on, and B = 0.

    Args:
        pair: tap and target; the target makes the logits.
        rows: classes whose rows of B are learned.
        tapped: int8[n, n_in], tap inputs of a keep set that server and devices share; it places the gates.
        white: float32[n_in, n_in], coordinates in which rewording is white.

    Raises:
        McueditError: no rows, or more than the target has.
    """
    tap, target = tap_geometry(model, pair[0]), op_geometry(model, pair[1])
    index = np.unique(np.asarray(rows, np.int64))
    if not len(index) or index[-1] >= target.n_out:
        raise McueditError(f"rows {list(rows)[:4]} of a target with {target.n_out}", "name the classes to be learned")
    rng = np.random.default_rng(frozen.seed)
    direction = rng.standard_normal((frozen.rank, tap.n_in)).astype(np.float32) @ white
    a = np.round(direction / np.abs(direction).max(axis=1, keepdims=True) * 127).astype(np.int8)
    sums = tapped.astype(np.int64) @ a.T.astype(np.int64)
    c = -np.quantile(sums, 1 - frozen.active, axis=0).astype(np.int64)
    m, s = quantize_multiplier(frozen.reach / max(float((sums + c).max()), 1.0))
    M, S = quantize_multiplier(frozen.step)
    one = np.ones(frozen.rank, np.int64)
    b = np.zeros((len(index), frozen.rank), np.int8)
    return Delta(*pair, a, c, m * one, s * one, b, index, M, S, True, 8, tap.zx, target.act_lo, target.act_hi)


@dataclass(frozen=True)
class Margins:
    """What examples say in a round.

    Attributes:
        wanted, top: int64[n], the class each is to get, and the largest other one.
        late: bool[n], the first does not lead by the margin yet.
    """

    wanted: IntArray
    top: IntArray
    late: BoolArray


def margins(delta: Delta, h: IntArray, logits: Int8Array, wanted: IntArray, margin: int | IntArray = MARGIN) -> Margins:
    """What examples say of a delta.

    Args:
        delta: A frozen, B as of this round, its target the op that makes the logits.
        h: int64[n, r] at the tap. logits: int8[n, classes] of the base, without the delta.
        wanted: int64[n], the class that each is to get. margin: logits by which it is to lead.
    """
    now = add([delta], [h], logits).astype(np.int64)
    row = np.arange(len(now))
    own = now[row, wanted]
    now[row, wanted] = -(1 << 15)
    top = now.argmax(axis=1)
    return Margins(wanted, top, own - now[row, top] < margin)


def gradient(delta: Delta, h: IntArray, leads: Margins) -> IntArray:
    """The sum of the gradients of B over some examples: int64[n_rows, r]; h as in `margins`."""
    total = np.zeros((len(delta.b), delta.rank), np.int64)
    late = np.flatnonzero(leads.late)
    for sign, classes in ((1, leads.wanted[late]), (-1, leads.top[late])):
        at, stored = places(delta, classes)
        np.add.at(total, at[stored], sign * h[late][stored])
    return total


def places(delta: Delta, classes: IntArray) -> tuple[IntArray, npt.NDArray[Any]]:
    """Stored row of each class, and whether there is one."""
    if delta.rows is None:
        return classes, np.ones(len(classes), bool)
    at = np.minimum(np.searchsorted(delta.rows, classes), len(delta.rows) - 1)
    return at, delta.rows[at] == classes


class Masters:
    """B in finer steps than it is sent out in, and how it moves."""

    def __init__(self, delta: Delta, rounds: int, fastest: int = 30) -> None:
        """`fastest`: int8 units by which the largest element moves in the first round; it falls to 1."""
        self.delta, self._rounds, self._fastest = delta, rounds, fastest
        self.masters: IntArray = np.zeros(delta.b.shape, np.int64)

    def step(self, number: int, total: IntArray) -> Delta:
        """Moves B along a sum of gradients, the largest element by the round's step (max-norm, per tensor).

        Args:
            total: int64, as B.
        """
        largest = int(np.abs(total).max())
        if largest:
            rate = ONE + (self._fastest - 1) * ONE * (self._rounds - number) // self._rounds
            self.masters += np.sign(total) * (np.abs(total) * rate // largest)
            self.masters = np.clip(self.masters, -127 * ONE, 127 * ONE)
        b = np.sign(self.masters) * ((np.abs(self.masters) + ONE // 2) // ONE)
        self.delta = replace(self.delta, b=b.astype(np.int8))
        return self.delta
