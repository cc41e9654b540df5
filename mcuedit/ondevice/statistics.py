# SPDX-License-Identifier: Apache-2.0
"""What a device carries to train a gate: chosen on the host from the rows of a keep set (SPEC.md, section 13).

Rows of one group are wordings of one question. How they differ says along which directions of the tap a new wording
moves; the trainer gives those little weight. Rows that lie far apart stand for the keep set, and centres of clusters
for the kinds of questions in it: an edit moved to another kind is a question that must stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import DoubleArray, Int8Array, Int16Array, IntArray
from mcuedit.model.fixedpoint import quantize_multiplier

DIRECTIONS, ROWS, CLUSTERS = 48, 48, 6
SHIFT, PLACE, STEPS = 112, 38, 64  # of 64; of 256
FLASH = 16 * 1024  # bytes that everything here may take
_FLOOR = 0.05  # of the mean variance within groups: what no direction goes below
_TURNS = 50


@dataclass(frozen=True)
class GateStatistics:
    """Constants in flash that train a gate; all rows in the tap's own quantization.

    Attributes:
        centre: int8[n_in], the mean of the keep set.
        directions: int8[r, n_in], along which wordings of one question differ; the largest element of each is 127.
        damping: int16[r], the share of each direction that a step loses, over the square of its length, times 2^30.
        rows: int8[m, n_in], the keep set's clusters, then rows that lie far apart.
        clusters: how many of `rows` are centres of clusters.
        rate: multiplier and shift of a step.
        shift: in 64ths, how far an edit is moved towards another cluster to make an input that must stay.
        place: in 256ths, where the gate stands between what must stay and the edit.
        steps: of training.
    """

    centre: Int8Array
    directions: Int8Array
    damping: Int16Array
    rows: Int8Array
    clusters: int
    rate: tuple[int, int]
    shift: int = SHIFT
    place: int = PLACE
    steps: int = STEPS

    @property
    def size(self) -> int:
        """Bytes in flash."""
        return self.centre.nbytes + self.directions.nbytes + self.damping.nbytes + self.rows.nbytes


def gate_statistics(
    rows: Int8Array, groups: IntArray, *, flash: int = FLASH, clusters: int = CLUSTERS, place: int = PLACE
) -> GateStatistics:
    """Chooses what a device carries for one tap.

    Args:
        rows: int8[n, n_in], the tap's input over the keep set.
        groups: int64[n], which rows are wordings of one question; a row alone in its group says nothing of wordings.
        flash: bytes it may take.
        clusters: kinds of questions to be found in them; 0: there are none.

    Raises:
        McueditError: the keep set is too small, or `flash` is.
    """
    n_in, more = rows.shape[1], 6 * max(clusters, 1)
    if len(rows) < more:
        raise McueditError(f"{len(rows)} keep inputs, {more} are the least to train a gate from", "give more")
    some = min(DIRECTIONS, n_in - 1, (flash - n_in * (1 + clusters)) // (2 * n_in + 2))
    if some < 4:
        raise McueditError(
            f"{flash} bytes of flash are too few for rows of {n_in} elements", "allow more, or train narrower"
        )
    x = rows.astype(np.float64)
    centre = x.mean(axis=0)
    values, vectors = np.linalg.eigh(_scatter(x, groups))
    floor = max(float(values[:-some].mean()), _FLOOR * float(values.mean()), 1e-6)
    spread, axes = np.maximum(values[-some:][::-1], floor), vectors[:, ::-1][:, :some].T
    white = (x - centre) @ (np.eye(n_in) - (axes.T * (1 - np.sqrt(floor / spread))) @ axes) / np.sqrt(floor)
    peak = np.abs(axes).max(axis=1, keepdims=True)
    damping = (1 - floor / spread) * (peak[:, 0] / 127) ** 2 * (1 << 30)
    means = _clusters(_means(x, groups), clusters) if clusters else np.zeros((0, n_in))
    apart = _far_apart(white, some)
    rate = quantize_multiplier(1 / (floor * float(np.square(white[apart]).sum(axis=1).mean())))
    return GateStatistics(
        _whole(centre),
        np.round(axes / peak * 127).astype(np.int8),
        np.minimum(np.round(damping), 32767).astype(np.int16),
        np.concatenate([_whole(means), rows[apart]]),
        clusters,
        rate,
        place=place,
    )


def _whole(x: DoubleArray) -> Int8Array:
    return np.clip(np.round(x), -128, 127).astype(np.int8)


def _means(x: DoubleArray, groups: IntArray) -> DoubleArray:
    _, of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(sizes), x.shape[1]))
    np.add.at(sums, of, x)
    means: DoubleArray = sums / sizes[:, None]
    return means


def _scatter(x: DoubleArray, groups: IntArray) -> DoubleArray:
    """Covariance within groups of several rows; the total one where no group has any."""
    _, of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    several = sizes[of] > 1
    centred = (x - _means(x, groups)[of])[several] if several.any() else x - x.mean(axis=0)
    scatter: DoubleArray = centred.T @ centred / len(centred)
    return scatter


def _far_apart(x: DoubleArray, count: int) -> IntArray:
    """Indices of rows, each the farthest from those before it."""
    found = [int(np.square(x).sum(axis=1).argmax())]
    far = np.square(x - x[found[0]]).sum(axis=1)
    while len(found) < count:
        found.append(int(far.argmax()))
        far = np.minimum(far, np.square(x - x[found[-1]]).sum(axis=1))
    return np.array(found)


def _clusters(x: DoubleArray, count: int) -> DoubleArray:
    """Centres that k-means finds from a seed of rows that lie far apart."""
    centres = x[_far_apart(x - x.mean(axis=0), count)]
    for _ in range(_TURNS):
        near = (np.square(centres).sum(axis=1) - 2 * x @ centres.T).argmin(axis=1)
        centres = np.stack([x[near == k].mean(axis=0) if (near == k).any() else centres[k] for k in range(count)])
    return np.asarray(centres, np.float64)
