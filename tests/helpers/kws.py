# SPDX-License-Identifier: Apache-2.0
"""Inputs for MLPerf Tiny's keyword spotting model, from the wav files beside the checkout."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

SAMPLES = 16000  # one second
_WINDOW, _STRIDE, _FFT, _MELS, _COEFFICIENTS = 480, 320, 512, 40, 10  # 30 ms every 20 ms


def read(path: Path) -> np.ndarray:
    """A mono 16-bit wav file: float32[16000], padded with silence."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)[:SAMPLES]
    return np.pad(samples, (0, SAMPLES - len(samples)))


def features(waves: np.ndarray) -> np.ndarray:
    """MFCCs as the model was trained on, as tf.signal has them: float32[n, 16000], any loudness, to [n, 49, 10, 1]."""
    loud = waves / np.maximum(waves.max(axis=1, keepdims=True), 1e-9)
    frames = np.lib.stride_tricks.sliding_window_view(loud, _WINDOW, axis=1)[:, ::_STRIDE]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    spectra = np.abs(np.fft.rfft(frames * hann, _FFT))
    logs = np.log(spectra @ _mel_weights() + 1e-6)
    bands, n = np.arange(_MELS), np.arange(_COEFFICIENTS)[:, None]
    cosines = np.sqrt(2 / _MELS) * np.cos(np.pi * n * (2 * bands + 1) / (2 * _MELS))
    return (logs @ cosines.T).astype(np.float32)[..., None]


def _mel_weights() -> np.ndarray:
    """Triangles between 20 and 4000 Hz on HTK's scale, which leave out 0 Hz: [bins, _MELS]."""

    def mel(hertz: np.ndarray | float) -> np.ndarray:
        return 1127 * np.log1p(np.asarray(hertz) / 700)

    bins = mel(np.linspace(0, SAMPLES / 2, _FFT // 2 + 1))[:, None]
    edges = np.linspace(mel(20.0), mel(4000.0), _MELS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights[0] = 0
    return weights


def noisy(wave_: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Copies moved by up to 50 ms, with noise of up to 2 % of the loudest sample: float32[count, 16000]."""
    moved = np.stack([np.roll(wave_, rng.integers(-800, 801)) for _ in range(count)])
    level = rng.uniform(0, 0.02, (count, 1)) * max(float(np.abs(wave_).max()), 1.0)
    return (moved + rng.normal(0, 1, moved.shape) * level).astype(np.float32)
