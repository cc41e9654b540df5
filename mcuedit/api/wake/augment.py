# SPDX-License-Identifier: Apache-2.0
"""One recording as many rooms would give it: speed, gain, noise, reverberation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import FloatArray
from mcuedit.api.wake.audio import resampled
from mcuedit.edits.sound import RATE, Samples


@dataclass(frozen=True)
class Rooms:
    """Between what bounds copies vary.

    Attributes:
        speed: played faster or slower. peak: of the loudest sample, in dB of the largest.
        snr: of speech over noise, in dB. tilt: of the noise's spectrum, from white (0) to brown (2).
        rt60: seconds until an echo is 60 dB down. wet: share of copies with echo.
        lead, trail: seconds of nothing before and after. ESPHome hears nothing in the first .74 s.
    """

    speed: tuple[float, float] = (0.9, 1.1)
    peak: tuple[float, float] = (-18.0, -1.0)
    snr: tuple[float, float] = (12.0, 40.0)
    tilt: tuple[float, float] = (0.0, 1.5)
    rt60: tuple[float, float] = (0.1, 0.5)
    wet: float = 0.5
    lead: float = 1.2
    trail: float = 0.6


def plain(samples: Samples, rooms: Rooms) -> Samples:
    """A recording as it is, between nothing and nothing."""
    before, after = (np.zeros(int(s * RATE), np.int16) for s in (rooms.lead, rooms.trail))
    return np.concatenate([before, samples, after])


def copy(samples: Samples, rng: np.random.Generator, rooms: Rooms) -> Samples:
    """A recording in a room that is drawn."""
    speed = rng.uniform(*rooms.speed)
    said = plain(resampled(samples, RATE * speed, RATE), rooms).astype(np.float32)
    if rng.random() < rooms.wet:
        said = _echoed(said, rng.uniform(*rooms.rt60), rng)
    power = float(np.square(said, dtype=np.float64).mean() * len(said) / max(1, len(samples)))
    noise = _noise(len(said), rng.uniform(*rooms.tilt), rng)
    said = said + noise * np.float32(np.sqrt(power / 10 ** (rng.uniform(*rooms.snr) / 10)))
    loud = 32767 * 10 ** (rng.uniform(*rooms.peak) / 20) / max(1.0, float(np.abs(said).max()))
    return np.round(said * loud).astype(np.int16)


def _echoed(said: FloatArray, rt60: float, rng: np.random.Generator) -> FloatArray:
    """Convolved with noise that dies away, behind the sound that comes straight."""
    count = int(rt60 * RATE)
    tail = rng.normal(size=count) * 10 ** (-3 * np.arange(count) / count)
    tail *= rng.uniform(0.2, 0.8) / np.sqrt(np.square(tail).sum())
    tail[0] = 1.0
    size = 1 << (len(said) + count - 1).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(said, size) * np.fft.rfft(tail, size), size)[: len(said)], np.float32)


def _noise(count: int, tilt: float, rng: np.random.Generator) -> FloatArray:
    """Noise of power 1 whose spectrum falls with the frequency to the power of `tilt`."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0 + count / 200) ** (tilt / 2)
    made = np.fft.irfft(spectrum, count)
    return np.asarray(made / (np.sqrt(np.square(made).mean()) + 1e-12), np.float32)
