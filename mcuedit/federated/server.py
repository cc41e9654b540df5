# SPDX-License-Identifier: Apache-2.0
"""The server's part: a shared A, and steps of B from sums of gradients (SPEC.md, section 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mcuedit.carrier import carrier
from mcuedit.delta import Delta
from mcuedit.errors import McueditError
from mcuedit.fixedpoint import quantize_multiplier
from mcuedit.model import Model

Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

ONE = 256  # master units per int8 unit of B
OPEN = 0.2  # share of the keep set that a gate of the shared A is open on
_FULL = 100  # h that a gate reaches on its widest input


def shared_delta(
    model: Model,
    pair: tuple[int, int],
    rank: int,
    rows: Sequence[int],
    seed: int,
    tapped: Int8Array,
    white: FloatArray,
    *,
    step: float = 0.02,
) -> Delta:
    """A delta with random gates, frozen from here on, and B = 0.

    Args:
        pair: tap and target; the target makes the logits.
        rows: classes whose rows of B are learned.
        seed: draws A: all that a device needs to be told of it.
        tapped: int8[n, n_in], tap inputs of a keep set that server and devices share; it places the gates.
        white: float32[n_in, n_in], coordinates in which rewording is white.
        step: logits that one unit of B times one unit of h adds.

    Raises:
        McueditError: no rows, or more than the target has.
    """
    tap, target = carrier(model, pair[0]), carrier(model, pair[1])
    index = np.unique(np.asarray(rows, np.int64))
    if not len(index) or index[-1] >= target.n_out:
        raise McueditError(f"rows {list(rows)[:4]} of a target with {target.n_out}", "name the classes to be learned")
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((rank, tap.n_in)).astype(np.float32) @ white
    a = np.round(direction / np.abs(direction).max(axis=1, keepdims=True) * 127).astype(np.int8)
    sums = tapped.astype(np.int64) @ a.T.astype(np.int64)
    c = -np.quantile(sums, 1 - OPEN, axis=0).astype(np.int64)
    m, s = quantize_multiplier(_FULL / max(float((sums + c).max()), 1.0))
    M, S = quantize_multiplier(step)
    one = np.ones(rank, np.int64)
    b = np.zeros((len(index), rank), np.int8)
    return Delta(*pair, a, c, m * one, s * one, b, index, M, S, True, 8, tap.zx, target.act_lo, target.act_hi)


class Server:
    """Masters of B, and how they move."""

    def __init__(self, delta: Delta, rounds: int, fastest: int = 30) -> None:
        """`fastest`: int8 units by which the largest element moves in the first round; it falls to 1."""
        self.delta, self._rounds, self._fastest = delta, rounds, fastest
        self.masters: Int64Array = np.zeros(delta.b.shape, np.int64)

    def step(self, number: int, total: Int64Array) -> Delta:
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
