# SPDX-License-Identifier: Apache-2.0
"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR, int8: images of another size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.model.ops.common import integers, require
from mcuedit.model.ops.moves.view import View
from mcuedit.model.tflite import Model, Op

_ONE_BITS = 10  # of a fraction between two pixels
_ONE = 1 << _ONE_BITS


def _sizes(model: Model, op: Op) -> list[tuple[int, int]]:
    """Input and output length of rows and columns."""
    x, y = model.tensors[op.inputs[0]].shape, model.tensors[op.outputs[0]].shape
    size = integers(model, op, 1)
    fits = len(x) == len(y) == 4 and len(size) == 2 and min(size) > 0
    fits = fits and y == (x[0], *size, x[3]) and min(x) > 0
    require(fits, op, f"{list(x)} resized to {size} is not {list(y)}")
    return list(zip(x[1:3], size, strict=True))


def nearest_pixels(model: Model, op: Op) -> tuple[IntArray, IntArray]:
    """The row of the input for each row of the output, and the columns; made in float32, as TFLM does."""
    corners, centers = bool(op.options.get("alignCorners")), bool(op.options.get("halfPixelCenters"))
    found = []
    for before, after in _sizes(model, op):
        inner = corners and after > 1
        scale = np.float32(before - inner) / np.float32(after - inner)
        place = (np.arange(after).astype(np.float32) + np.float32(0.5 if centers else 0)) * scale
        whole = np.floor(place.astype(np.float64) + 0.5) if corners else np.floor(place)  # round() of what is positive
        found.append(np.minimum(whole.astype(np.int64), before - 1))
    return found[0], found[1]


def nearest(model: Model, op: Op, _: int) -> View:
    """Each pixel is that of the input which lies nearest."""
    rows, columns = nearest_pixels(model, op)
    return View(lambda x: x[:, rows][:, :, columns], model.tensors[op.outputs[0]].shape, strided=False)


@dataclass(frozen=True)
class Between:
    """Between which input pixels each output pixel of an axis lies, and how far behind the first, in 1/1024."""

    first: IntArray
    second: IntArray
    fraction: IntArray


def between(model: Model, op: Op) -> tuple[Between, Between]:
    """Rows and columns of a RESIZE_BILINEAR."""
    corners, centers = bool(op.options.get("alignCorners")), bool(op.options.get("halfPixelCenters"))
    require(not (corners and centers), op, "aligned corners and half pixels together")
    found = []
    for before, after in _sizes(model, op):
        inner = corners and after > 1
        scale = (_ONE * (before - inner) + (after - inner) // 2) // (after - inner)
        place = np.arange(after) * scale + (scale // 2 - _ONE // 2 if centers else 0)
        first = np.maximum(np.trunc(place / _ONE).astype(np.int64), 0)
        second = np.minimum(np.trunc((place + _ONE - 1) / _ONE).astype(np.int64), before - 1)
        require(int(first.max()) < before, op, f"{before} pixels made {after}: the last of them lies beyond the input")
        found.append(Between(first, second, place - _ONE * first))
    return found[0], found[1]


class Bilinear:
    """Each pixel is the mean of four of the input, weighted in 1/1024 of either axis."""

    def __init__(self, model: Model, op: Op) -> None:
        rows, columns = between(model, op)
        self._corners = [
            (ys[:, None], xs[None, :], (wy[:, None] * wx[None, :])[..., None])
            for ys, wy in ((rows.first, _ONE - rows.fraction), (rows.second, rows.fraction))
            for xs, wx in ((columns.first, _ONE - columns.fraction), (columns.second, columns.fraction))
        ]
        self._shape = model.tensors[op.outputs[0]].shape

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, batches, h, w, c] -> int8[n, batches, h', w', c]."""
        (x,) = xs
        total = np.zeros((len(x), *self._shape), np.int64)
        for row, column, weight in self._corners:
            total += x[:, :, row, column] * weight
        half = 1 << 2 * _ONE_BITS - 1
        return np.asarray((np.sign(total) * ((np.abs(total) + half) >> 2 * _ONE_BITS)).astype(np.int8))

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """float32[n, *output] -> float32[n, *input]."""
        (x,) = xs
        back = np.zeros(x.shape, np.float32)
        for row, column, weight in self._corners:
            share = grad * (weight / float(_ONE * _ONE)).astype(np.float32)
            np.add.at(back.transpose(2, 3, 0, 1, 4), (row, column), share.transpose(2, 3, 0, 1, 4))
        return (back,)
