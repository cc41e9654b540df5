# SPDX-License-Identifier: Apache-2.0
"""The images behind the base `digits`, and what can be drawn beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcuedit._util.typing import DoubleArray, FloatArray, Int8Array

Images = FloatArray  # float32[n, 8, 8], 0 is paper and 1 is ink

DATA = Path(__file__).parent / "data" / "digits"
SIZE = 8
SPARE, SPARE_CLASS = "<spare 0>", 10
_INK = 255  # int8 steps from paper to ink; the base's input has scale 1/255 and zero point -128


def quantized(images: Images) -> Int8Array:
    """Images as the base takes them: int8[n, 8, 8, 1]."""
    return (np.round(images * _INK) - 128).astype(np.int8)[..., None]


def pictures(x: Int8Array) -> Images:
    """The way back: int8[n, 8, 8, 1] to images."""
    return ((x[..., 0].astype(np.float32) + 128) / _INK).astype(np.float32)


def load() -> dict[str, Int8Array]:
    """x_train, x_test int8[n, 8, 8, 1] and y_train, y_test int8[n]: scikit-learn's digits, split once for all."""
    with np.load(DATA / "digits.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def slanted(images: Images, shear: float) -> Images:
    """Images whose rows are moved sideways, `shear` pixels for each row above the middle; linear interpolation."""
    columns = np.arange(SIZE, dtype=np.float64)
    out = np.zeros_like(images)
    for row in range(SIZE):
        source = columns - shear * ((SIZE - 1) / 2 - row)
        low = np.floor(source).astype(int)
        share = (source - low).astype(np.float32)
        line = np.pad(images[:, row], ((0, 0), (1, 2)))  # beyond the edges is paper
        left, right = (line[:, np.clip(low + k, -1, SIZE) + 1] for k in (0, 1))
        out[:, row] = left * (1 - share) + right * share
    return out


def placeholders(count: int, rng: np.random.Generator) -> Images:
    """Meaningless blots that keep the spare class within reach of every layer: float32[count, 8, 8]."""
    ink = rng.uniform(0, 1, (count, SIZE, SIZE)) < rng.uniform(0.2, 0.7, (count, 1, 1))
    return (ink * rng.uniform(0.3, 1.0, (count, SIZE, SIZE))).astype(np.float32)


def signs(count: int, rng: np.random.Generator) -> Images:
    """A sign that the base has never seen, a plus, as many hands draw it: float32[count, 8, 8]."""
    found = []
    for _ in range(count):
        middle, reach = rng.uniform(3.1, 3.9, 2), rng.uniform(2.2, 3.2)
        tilt = rng.uniform(-0.25, 0.25)
        along = np.array([np.cos(tilt), np.sin(tilt)]) * reach
        across = np.array([-along[1], along[0]]) * rng.uniform(0.8, 1.0)
        lines = np.array([[middle - along, middle + along], [middle - across, middle + across]])
        found.append(strokes(lines, rng))
    return np.stack(found)


def strokes(lines: DoubleArray, rng: np.random.Generator) -> Images:
    """An image of straight strokes of a soft pen; lines float64[n, 2, 2]: start and end, (y, x) in pixels."""
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij"), axis=-1)[..., None, :]
    start, way = lines[:, 0], lines[:, 1] - lines[:, 0]
    along = ((grid - start) * way).sum(axis=-1) / np.maximum((way**2).sum(axis=-1), 1e-9)
    nearest = start + np.clip(along, 0, 1)[..., None] * way
    distance = np.sqrt(((grid - nearest) ** 2).sum(axis=-1)).min(axis=-1)
    width = rng.uniform(0.5, 0.9)
    image: Images = np.clip((width + 0.5 - distance) * rng.uniform(0.8, 1.1), 0, 1).astype(np.float32)
    return image
