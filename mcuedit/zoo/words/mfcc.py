# SPDX-License-Identifier: Apache-2.0
"""The other front end: 49 x 10 MFCC features, as MLPerf Tiny's keyword spotting takes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import DoubleArray, Int8Array
from mcuedit.edits.sound import CHANNELS, RATE, Samples
from mcuedit.zoo.words.speech import SLICES, heard

COEFFICIENTS = 10
_WINDOW, _STEP, _LENGTH, _BANDS = 480, 320, 512, 40
_LOW, _HIGH = 20.0, 4000.0  # Hz
_SCALE, _ZERO = 0.5847029, 83  # of the reference model's input


def hearing(shape: tuple[int, ...]) -> Callable[[Samples], Int8Array]:
    """The front end of a net whose input is of that shape.

    Raises:
        McueditError: there is none.
    """
    known: dict[tuple[int, ...], Callable[[Samples], Int8Array]]
    known = {(SLICES, CHANNELS): heard, (SLICES, COEFFICIENTS): mfcc}
    if shape[:2] not in known or shape[2:] not in ((), (1,)):
        raise McueditError(
            f"no front end gives {list(shape)}", "a keyword net takes 49 x 40 micro features or 49 x 10 MFCC"
        )
    return known[shape[:2]]


def mfcc(samples: Samples) -> Int8Array:
    """int8[49, 10] of a second, as loud as its loudest sample."""
    second = np.zeros(RATE)
    second[: min(len(samples), RATE)] = samples[:RATE]
    second /= max(np.abs(second).max(), 1)
    frames = np.lib.stride_tricks.sliding_window_view(second, _WINDOW)[::_STEP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    spectrum = np.abs(np.fft.rfft(frames * window, _LENGTH))
    loud = np.log(spectrum @ _bands() + 1e-6)
    at = (2 * np.arange(_BANDS) + 1)[:, None] * np.arange(COEFFICIENTS)
    cosines = np.cos(np.pi * at / (2 * _BANDS)) * np.sqrt(2 / _BANDS)
    made: Int8Array = np.clip(np.round(loud @ cosines / _SCALE) + _ZERO, -128, 127).astype(np.int8)
    return made


def _bands() -> DoubleArray:
    """float64[257, 40]: triangles, evenly spaced on the mel scale; the lowest bin belongs to none."""

    def mel(hertz: DoubleArray) -> DoubleArray:
        return np.asarray(1127 * np.log1p(hertz / 700))

    low, high = mel(np.array([_LOW, _HIGH]))
    edges = np.linspace(float(low), float(high), _BANDS + 2)
    bins = mel(np.arange(_LENGTH // 2 + 1) * RATE / _LENGTH)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles[0] = 0
    return np.asarray(triangles)
