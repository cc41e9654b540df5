# SPDX-License-Identifier: Apache-2.0
"""Gates: for each edit one linear detector of its inputs among all that must stay shut.

A gate is a squared-hinge support vector machine. It is trained in coordinates in which the variation between wordings
of one question is white (within-class covariance normalization), so that a wide margin is tolerance of new wordings.
All gates are trained together, each with the other edits' inputs among its negatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray

STEPS, REMINE, HARDEST = 200, 20, 512
WHITENED = 4096  # rows that estimate the variation of wordings
_RATE, _MOMENTUM, _DECAY = 1.0, 0.9, 1e-2
_SAFE = 0.5  # rows of length 1 at most, and the offset, bend the loss by 4 at most: below 3.8 / 4 no step overshoots
_NONE, _LOST = 2.0, 1e3  # losses of a gate that ignores its rows, and of one that does not come back


@dataclass(frozen=True)
class Rows:
    """Tap inputs that gates are trained on.

    Attributes:
        stay: float32[n, d], rows on which gates stay shut.
        owner: int64[n], the edit whose own gate may open on that row; -1 for none.
        fire: float32[edits, p, d], rows on which each edit's gate opens.
    """

    stay: FloatArray
    owner: IntArray
    fire: FloatArray


def whitening(groups: IntArray, x: FloatArray, ridge: float = 0.05) -> FloatArray:
    """float32[d, d] that whitens the variation of rows within their groups.

    Args:
        groups: int64[n], which rows are wordings of one question; a row alone in its group says nothing. When no
            group has two rows, the total variation is taken.
        x: float32[n, d].
        ridge: share of the mean variance added to the diagonal.
    """
    centred = _centred(groups, x)
    scatter = (centred.T @ centred / len(centred)).astype(np.float64)
    scatter += (ridge * np.trace(scatter) / len(scatter) + 1e-6) * np.eye(len(scatter))
    values, vectors = np.linalg.eigh(scatter)
    white: FloatArray = ((vectors / np.sqrt(values)) @ vectors.T).astype(np.float32)
    return white


def wide_whitening(groups: IntArray, x: FloatArray, ridge: float = 0.05) -> FloatArray:
    """The same matrix, from fewer rows than columns: their span is whitened, the rest is scaled by the ridge alone."""
    centred = _centred(groups, x)
    _, spread, vectors = np.linalg.svd(centred / np.sqrt(len(centred)), full_matrices=False)
    floor = ridge * float(np.square(spread).sum()) / x.shape[1] + 1e-6
    gain = 1 / np.sqrt(np.square(spread) + floor) - 1 / np.sqrt(floor)
    white: FloatArray = (vectors.T * gain) @ vectors
    white[np.diag_indices(len(white))] += 1 / np.sqrt(floor)
    return white.astype(np.float32)


def _centred(groups: IntArray, x: FloatArray) -> FloatArray:
    """Rows of a sample of the groups less their group's mean; of all, less the mean, when no group has two rows."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][0] - 1))
    sizes = np.diff(starts, append=len(order))
    several = np.flatnonzero(sizes > 1)
    several = several[:: max(1, int(sizes[several].sum()) // WHITENED)]  # a sample of the groups says as much as all
    if not len(several):
        centred: FloatArray = x - x.mean(axis=0)
        return centred
    members = [x[order[starts[g] : starts[g] + sizes[g]]] for g in several]
    return np.concatenate([rows - rows.mean(axis=0) for rows in members])


class White:
    """Rows that stay in white coordinates: made once, for several trainings.

    Attributes:
        stay: float32[n, d], centred. typical, longest: lengths of them.
    """

    def __init__(self, stay: FloatArray, white: FloatArray) -> None:
        """`stay` float32[n, d] in tap coordinates, white as from `whitening`."""
        self._white = white
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is seen by its loss
            rows = stay @ white
            self._centre = rows.mean(axis=0)
            self.stay: FloatArray = rows - self._centre
            squares = np.square(self.stay).sum(axis=1)
            self.typical, self.longest = float(np.sqrt(squares.mean())), float(np.sqrt(squares.max()))

    def fit(self, owner: IntArray, fire: FloatArray) -> FloatArray:
        """Directions of gates in tap coordinates, float32[edits, d]; owner and fire as in `Rows`.

        Rows are measured by the typical one. Steps overshoot where rows are much longer than that, or few directions
        hold all of them; gates that end worse than none at all are trained again with rows measured by the longest one.

        Raises:
            McueditError: the rows are too large for any of it.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            fire = fire @ self._white - self._centre
            w, settled = _descend(self.stay, owner, fire, np.float32(self.typical + 1e-9), _RATE)
            if not settled.all():
                longest = max(self.longest, float(np.sqrt(np.square(fire).sum(axis=-1).max()))) + 1e-9
                w[~settled] = _descend(self.stay, owner, fire, np.float32(longest), _SAFE)[0][~settled]
            directions: FloatArray = (w @ self._white).astype(np.float32)
        if not np.isfinite(directions).all():
            raise McueditError("the training of a gate gave values that are not finite", "choose another --tap")
        return directions


def cost(stay: FloatArray, fire: FloatArray) -> int:
    """Multiplications of a training, roughly: float32[n, d] and float32[edits, p, d]."""
    hardest = min(HARDEST, len(stay)) * stay.shape[1] * len(fire)
    return int(2 * STEPS * (fire.size + hardest) + STEPS // REMINE * stay.size * (len(fire) + 2))


def fit(rows: Rows, white: FloatArray) -> FloatArray:
    """Directions of the gates in tap coordinates: float32[edits, d]. Raises as `White.fit`."""
    return White(rows.stay, white).fit(rows.owner, rows.fire)


def _descend(
    stay: FloatArray, owner: IntArray, fire: FloatArray, size: np.float32, fastest: float
) -> tuple[FloatArray, BoolArray]:
    """Gates in white coordinates, float32[edits, d], and which of them are better than none.

    Args:
        size: what lengths are measured by. fastest: the rate of the first step.
    """
    stay, fire = stay / size, fire / size
    mean = fire.mean(axis=1)
    w = 2 * mean / np.maximum(np.square(mean).sum(axis=1, keepdims=True), 1e-9)
    b = -np.ones(len(w), np.float32)
    step_w, step_b = np.zeros_like(w), np.zeros_like(b)
    for step in range(STEPS):
        if step % REMINE == 0:
            if step and not (_loss(stay, owner, fire, w, b) < _LOST).any():
                break
            hard, active = _hardest(stay, owner, w, b)
        shut = np.maximum(1 + np.matmul(hard, w[:, :, None])[:, :, 0] + b[:, None], 0) * active
        opened = np.maximum(1 - np.matmul(fire, w[:, :, None])[:, :, 0] - b[:, None], 0)
        shut /= np.maximum((shut > 0).sum(axis=1, keepdims=True), 8)
        opened /= opened.shape[1]
        grad_w = np.matmul(shut[:, None], hard)[:, 0] - np.matmul(opened[:, None], fire)[:, 0] + _DECAY * w
        step_w = _MOMENTUM * step_w + grad_w
        step_b = _MOMENTUM * step_b + shut.sum(axis=1) - opened.sum(axis=1)
        rate = np.float32(fastest * (1 - step / STEPS))
        w, b = w - rate * step_w, b - rate * step_b
    return w, _loss(stay, owner, fire, w, b) < _NONE


def _loss(stay: FloatArray, owner: IntArray, fire: FloatArray, w: FloatArray, b: FloatArray) -> FloatArray:
    """Mean squared hinges over the rows that count: float32[edits]."""
    hard, active = _hardest(stay, owner, w, b)
    shut = np.maximum(1 + np.matmul(hard, w[:, :, None])[:, :, 0] + b[:, None], 0) * active
    opened = np.maximum(1 - np.matmul(fire, w[:, :, None])[:, :, 0] - b[:, None], 0)
    counted = np.maximum((shut > 0).sum(axis=1), 8)
    loss: FloatArray = np.square(shut).sum(axis=1) / counted + np.square(opened).mean(axis=1)
    return loss


def _hardest(stay: FloatArray, owner: IntArray, w: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The rows of `stay` nearest to opening each gate, float32[edits, k, d], and 1 where they count, else 0."""
    scores = w @ stay.T + b[:, None]
    own = owner[None, :] == np.arange(len(w))[:, None]
    scores[own] = -np.inf
    k = min(HARDEST, len(stay))
    index = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return stay[index], 1 - np.take_along_axis(own, index, axis=1).astype(np.float32)


def quantize(direction: FloatArray, bits: int) -> Int8Array:
    """Rounds each row to the whole range of `bits`: float32[e, d] -> int8[e, d]."""
    limit = 127 if bits == 8 else 7
    peak = np.maximum(np.abs(direction).max(axis=1, keepdims=True), 1e-12)
    whole: Int8Array = np.round(direction / peak * limit).astype(np.int8)
    return whole
