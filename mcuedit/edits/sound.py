# SPDX-License-Identifier: Apache-2.0
"""The sound front end of microWakeWord, ESPHome and TensorFlow's micro_speech: 40 channels in int8 every 10 ms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcuedit._util import extras
from mcuedit._util.typing import Int8Array

RATE, CHANNELS = 16000, 40
EXTRA, USE = "wake", "sound"
Samples = npt.NDArray[np.int16]

_SLICE = 160  # samples of a step of 10 ms
_UNIT = 1 / 25.6  # pymicro-features gives the front end's whole numbers in units of this
_TIMES, _BY = 256, 666  # as ESPHome and micro_speech make int8 of those numbers


def features(samples: Samples) -> Int8Array:
    """int8[T, 40] of int16 samples at 16 kHz, from a front end that starts anew."""
    with extras.needed(EXTRA, USE):
        from pymicro_features import MicroFrontend

    front, data, at, rows = MicroFrontend(), samples.astype("<i2").tobytes(), 0, []
    while at + 2 * _SLICE <= len(data):
        seen = front.process_samples(data[at : at + 2 * _SLICE])
        at += 2 * seen.samples_read
        if seen.features:
            rows.append(seen.features)
    values = np.array(rows, np.float64).reshape(-1, CHANNELS)
    return quantized(np.round(values / _UNIT).astype(np.int64))


def quantized(values: npt.NDArray[np.int64]) -> Int8Array:
    """The front end's whole numbers as the net is given them."""
    whole = (values * _TIMES + _BY // 2) // _BY - 128
    return np.clip(whole, -128, 127).astype(np.int8)
