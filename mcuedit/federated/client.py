# SPDX-License-Identifier: Apache-2.0
"""A device's part of a federated round, as firmware/src/federate.c does it (SPEC.md, section 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.delta import Delta, add

Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]

MARGIN = 8  # logits by which the wanted class is to lead


@dataclass(frozen=True)
class Says:
    """What examples say in a round.

    Attributes:
        wanted, top: int64[n], the class each is to get, and the largest other one.
        late: bool[n], the first does not lead by the margin yet.
    """

    wanted: Int64Array
    top: Int64Array
    late: npt.NDArray[np.bool_]


def listen(delta: Delta, h: Int64Array, logits: Int8Array, wanted: Int64Array, margin: int = MARGIN) -> Says:
    """What examples say of a delta.

    Args:
        delta: A frozen, B as of this round, its target the op that makes the logits.
        h: int64[n, r] at the tap. logits: int8[n, classes] of the base, without the delta.
        wanted: int64[n], the class that each is to get.
    """
    now = add([delta], [h], logits).astype(np.int64)
    row = np.arange(len(now))
    own = now[row, wanted]
    now[row, wanted] = -(1 << 15)
    top = now.argmax(axis=1)
    return Says(wanted, top, own - now[row, top] < margin)


def gradient(delta: Delta, h: Int64Array, says: Says) -> Int64Array:
    """The sum of the gradients of B over some examples: int64[n_rows, r]; h as in `listen`."""
    total = np.zeros((len(delta.b), delta.rank), np.int64)
    late = np.flatnonzero(says.late)
    for sign, classes in ((1, says.wanted[late]), (-1, says.top[late])):
        at, stored = _rows(delta, classes)
        np.add.at(total, at[stored], sign * h[late][stored])
    return total


def _rows(delta: Delta, classes: Int64Array) -> tuple[Int64Array, npt.NDArray[Any]]:
    """Stored row of each class, and whether there is one."""
    if delta.rows is None:
        return classes, np.ones(len(classes), bool)
    at = np.minimum(np.searchsorted(delta.rows, classes), len(delta.rows) - 1)
    return at, delta.rows[at] == classes
