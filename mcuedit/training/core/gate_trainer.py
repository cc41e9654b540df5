# SPDX-License-Identifier: Apache-2.0
"""Gates: for each edit one linear function that tells its inputs from all that must stay shut.

A gate is a squared-hinge support vector machine. It is trained in coordinates in which the variation between wordings
of one question is white (within-class covariance normalization), so that a wide margin is tolerance of new wordings.
All gates are trained together, each with the other edits' inputs among its negatives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray

_NONE, _LOST = 2.0, 1e3  # losses of a gate that ignores its samples, and of one that does not come back


@dataclass(frozen=True)
class WhiteningConfig:
    """How the variation of wordings is estimated.

    Attributes:
        samples: that are looked at, about. ridge: share of the mean variance added to every direction.
    """

    samples: int = 4096
    ridge: float = 0.05


@dataclass(frozen=True)
class GateConfig:
    """How gates are trained.

    Attributes:
        steps: of the descent. remine: steps between two looks for the hardest samples.
        hardest: samples that stay, those nearest to opening a gate, that take part in a step.
        rate: of the first step, falling to 0. safe_rate: the same where a gate was lost at that rate: samples of length
            1 at most, and the offset, bend the loss by 4 at most, so that below 3.8 / 4 no step overshoots.
        momentum, decay: of the last step, kept in the next; of the weights.
        idle: margin by which a gate is to stay shut where it would do nothing; 1 is that of all other samples.
        whitening: of the coordinates they are trained in.
    """

    steps: int = 200
    remine: int = 20
    hardest: int = 512
    rate: float = 1.0
    safe_rate: float = 0.5
    momentum: float = 0.9
    decay: float = 1e-2
    idle: float = 0.5
    whitening: WhiteningConfig = field(default_factory=WhiteningConfig)


@dataclass(frozen=True)
class Samples:
    """Tap inputs that gates are trained on.

    Attributes:
        stay: float32[n, d], on which gates stay shut.
        owner: int64[n], the edit whose own gate may open there; -1 for none.
        fire: float32[edits, p, d], on which each edit's gate opens.
        margin: float32[edits, n], by which each gate is to stay shut; None: 1 throughout.
    """

    stay: FloatArray
    owner: IntArray
    fire: FloatArray
    margin: FloatArray | None = None


def whitening(groups: IntArray, x: FloatArray, config: WhiteningConfig) -> FloatArray:
    """float32[d, d] that whitens the variation of samples within their groups.

    Args:
        groups: int64[n], which samples are wordings of one question; one alone in its group says nothing. When no
            group has two, the total variation is taken.
        x: float32[n, d].
    """
    centred = _centred(groups, x, config.samples)
    scatter = (centred.T @ centred / len(centred)).astype(np.float64)
    scatter += (config.ridge * np.trace(scatter) / len(scatter) + 1e-6) * np.eye(len(scatter))
    values, vectors = np.linalg.eigh(scatter)
    white: FloatArray = ((vectors / np.sqrt(values)) @ vectors.T).astype(np.float32)
    return white


def wide_whitening(groups: IntArray, x: FloatArray, config: WhiteningConfig) -> FloatArray:
    """The same matrix, from fewer samples than elements: their span is whitened, the ridge alone scales the rest."""
    centred = _centred(groups, x, config.samples)
    _, spread, vectors = np.linalg.svd(centred / np.sqrt(len(centred)), full_matrices=False)
    floor = config.ridge * float(np.square(spread).sum()) / x.shape[1] + 1e-6
    gain = 1 / np.sqrt(np.square(spread) + floor) - 1 / np.sqrt(floor)
    white: FloatArray = (vectors.T * gain) @ vectors
    white[np.diag_indices(len(white))] += 1 / np.sqrt(floor)
    return white.astype(np.float32)


def _centred(groups: IntArray, x: FloatArray, most: int) -> FloatArray:
    """Samples of some groups less their group's mean; of all, less the mean, when no group has two."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][0] - 1))
    sizes = np.diff(starts, append=len(order))
    several = np.flatnonzero(sizes > 1)
    several = several[:: max(1, int(sizes[several].sum()) // most)]  # some of the groups say as much as all
    if not len(several):
        centred: FloatArray = x - x.mean(axis=0)
        return centred
    members = [x[order[starts[g] : starts[g] + sizes[g]]] for g in several]
    return np.concatenate([one - one.mean(axis=0) for one in members])


class White:
    """Samples that stay in white coordinates: made once, for several trainings.

    Attributes:
        stay: float32[n, d], centred. typical, longest: lengths of them.
    """

    def __init__(self, stay: FloatArray, white: FloatArray, config: GateConfig) -> None:
        """`stay` float32[n, d] in tap coordinates, white as from `whitening`."""
        self._white, self._config = white, config
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is seen by its loss
            placed = stay @ white
            self._centre = placed.mean(axis=0)
            self.stay: FloatArray = placed - self._centre
            squares = np.square(self.stay).sum(axis=1)
            self.typical, self.longest = float(np.sqrt(squares.mean())), float(np.sqrt(squares.max()))

    def fit(self, owner: IntArray, fire: FloatArray, margin: FloatArray | None = None) -> FloatArray:
        """Directions of gates in tap coordinates, float32[edits, d]; the arguments as in `Samples`.

        Lengths are measured by the typical one. Steps overshoot where some are much longer than that, or few directions
        hold all of them; gates that end worse than none at all are trained again, measured by the longest one.

        Raises:
            McueditError: the samples are too large for any of it.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            fire = fire @ self._white - self._centre
            how = self._config
            seen = Samples(self.stay, owner, fire, margin)
            w, settled = _descend(seen, np.float32(self.typical + 1e-9), how.rate, how)
            if not settled.all():
                longest = max(self.longest, float(np.sqrt(np.square(fire).sum(axis=-1).max()))) + 1e-9
                again = _descend(seen, np.float32(longest), how.safe_rate, how)
                w[~settled] = again[0][~settled]
            directions: FloatArray = (w @ self._white).astype(np.float32)
        if not np.isfinite(directions).all():
            raise McueditError("the training of a gate gave values that are not finite", "choose another --tap")
        return directions


def cost(stay: FloatArray, fire: FloatArray, config: GateConfig) -> int:
    """Multiplications of a training, roughly: float32[n, d] and float32[edits, p, d]."""
    hardest = min(config.hardest, len(stay)) * stay.shape[1] * len(fire)
    looks = config.steps // config.remine
    return int(2 * config.steps * (fire.size + hardest) + looks * stay.size * (len(fire) + 2))


def fit(samples: Samples, white: FloatArray, config: GateConfig) -> FloatArray:
    """Directions of the gates in tap coordinates: float32[edits, d]. Raises as `White.fit`."""
    return White(samples.stay, white, config).fit(samples.owner, samples.fire, samples.margin)


def _descend(samples: Samples, size: np.float32, fastest: float, config: GateConfig) -> tuple[FloatArray, BoolArray]:
    """Gates in white coordinates, float32[edits, d], and which of them are better than none.

    Args:
        samples: in white coordinates.
        size: what lengths are measured by. fastest: the rate of the first step.
    """
    seen = replace(samples, stay=samples.stay / size, fire=samples.fire / size)
    fire, steps = seen.fire, config.steps
    mean = fire.mean(axis=1)
    w = 2 * mean / np.maximum(np.square(mean).sum(axis=1, keepdims=True), 1e-9)
    b = -np.ones(len(w), np.float32)
    step_w, step_b = np.zeros_like(w), np.zeros_like(b)
    for step in range(steps):
        if step % config.remine == 0:
            if step and not (_loss(seen, w, b, config.hardest) < _LOST).any():
                break
            hard, active, margin = _hardest(seen, w, b, config.hardest)
        shut = np.maximum(margin + np.matmul(hard, w[:, :, None])[:, :, 0] + b[:, None], 0) * active
        opened = np.maximum(1 - np.matmul(fire, w[:, :, None])[:, :, 0] - b[:, None], 0)
        shut /= np.maximum((shut > 0).sum(axis=1, keepdims=True), 8)
        opened /= opened.shape[1]
        grad_w = np.matmul(shut[:, None], hard)[:, 0] - np.matmul(opened[:, None], fire)[:, 0] + config.decay * w
        step_w = config.momentum * step_w + grad_w
        step_b = config.momentum * step_b + shut.sum(axis=1) - opened.sum(axis=1)
        rate = np.float32(fastest * (1 - step / steps))
        w, b = w - rate * step_w, b - rate * step_b
    return w, _loss(seen, w, b, config.hardest) < _NONE


def _loss(samples: Samples, w: FloatArray, b: FloatArray, most: int) -> FloatArray:
    """Mean squared hinges over the samples that count: float32[edits]."""
    fire = samples.fire
    hard, active, margin = _hardest(samples, w, b, most)
    shut = np.maximum(margin + np.matmul(hard, w[:, :, None])[:, :, 0] + b[:, None], 0) * active
    opened = np.maximum(1 - np.matmul(fire, w[:, :, None])[:, :, 0] - b[:, None], 0)
    counted = np.maximum((shut > 0).sum(axis=1), 8)
    loss: FloatArray = np.square(shut).sum(axis=1) / counted + np.square(opened).mean(axis=1)
    return loss


def _hardest(
    samples: Samples, w: FloatArray, b: FloatArray, most: int
) -> tuple[FloatArray, FloatArray, FloatArray | float]:
    """The up to `most` samples nearest to opening each gate, float32[edits, k, d], 1 where they count, else 0; margins.

    How near is measured from the margin that is asked for.
    """
    stay = samples.stay
    scores = w @ stay.T + b[:, None]
    if samples.margin is not None:
        scores += samples.margin
    own = samples.owner[None, :] == np.arange(len(w))[:, None]
    scores[own] = -np.inf
    k = min(most, len(stay))
    index = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    margin = 1.0 if samples.margin is None else np.take_along_axis(samples.margin, index, axis=1)
    return stay[index], 1 - np.take_along_axis(own, index, axis=1).astype(np.float32), margin


def quantize(direction: FloatArray, bits: int) -> Int8Array:
    """Rounds each direction to the whole range of `bits`: float32[e, d] -> int8[e, d]."""
    limit = 127 if bits == 8 else 7
    peak = np.maximum(np.abs(direction).max(axis=1, keepdims=True), 1e-12)
    whole: Int8Array = np.round(direction / peak * limit).astype(np.int8)
    return whole
