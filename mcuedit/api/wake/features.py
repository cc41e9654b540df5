# SPDX-License-Identifier: Apache-2.0
"""What the net hears of a recording: the micro front end of microWakeWord and ESPHome, and its int8."""

from __future__ import annotations

import numpy as np

from mcuedit._util import extras
from mcuedit._util.typing import Int8Array
from mcuedit.api.wake.audio import EXTRA, USE, Samples

FEATURES = 40
SLICE = 160  # samples of a step of 10 ms
_UNIT = 1 / 25.6  # pymicro-features gives the front end's whole numbers in units of this
_TIMES, _BY = 256, 666  # as ESPHome makes int8 of those numbers


def frames(samples: Samples, stride: int) -> Int8Array:
    """int8[T, stride, 40]: what the net is given, one inference after the other, from a front end that starts anew."""
    with extras.needed(EXTRA, USE):
        from pymicro_features import MicroFrontend

    front, data, at, rows = MicroFrontend(), samples.astype("<i2").tobytes(), 0, []
    while at + 2 * SLICE <= len(data):
        seen = front.process_samples(data[at : at + 2 * SLICE])
        at += 2 * seen.samples_read
        if seen.features:
            rows.append(seen.features)
    count = len(rows) // stride
    values = np.array(rows[: count * stride], np.float64).reshape(count, stride, FEATURES)
    return quantized(np.round(values / _UNIT).astype(np.int64))


def quantized(values: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Int8Array:
    """The front end's numbers as ESPHome gives them to the net."""
    whole = (values * _TIMES + _BY // 2) // _BY - 128
    return np.clip(whole, -128, 127).astype(np.int8)
