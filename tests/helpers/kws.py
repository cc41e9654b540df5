# SPDX-License-Identifier: Apache-2.0
"""Inputs for MLPerf Tiny's keyword spotting model, from the wav files beside the checkout."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

SAMPLES = 16000  # one second
_WINDOW, _STRIDE, _MELS, _COEFFICIENTS = 480, 320, 40, 10  # 30 ms every 20 ms


def read(path: Path) -> np.ndarray:
    """A mono 16-bit wav file: float32[16000], padded with silence."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)[:SAMPLES]
    return np.pad(samples, (0, SAMPLES - len(samples)))


def features(waves: np.ndarray) -> np.ndarray:
    """MFCCs as the model was trained on: float32[n, 16000], any loudness, to float32[n, 49, 10, 1]."""
    tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: pip install 'mcuedit[tensorflow]'")
    loud = waves / np.maximum(waves.max(axis=1, keepdims=True), 1e-9)
    spectra = tf.abs(tf.signal.stft(loud.astype(np.float32), _WINDOW, _STRIDE))
    mels = tf.signal.linear_to_mel_weight_matrix(_MELS, spectra.shape[-1], SAMPLES, 20.0, 4000.0)
    logs = tf.math.log(tf.tensordot(spectra, mels, 1) + 1e-6)
    return tf.signal.mfccs_from_log_mel_spectrograms(logs)[..., :_COEFFICIENTS].numpy()[..., None]


def noisy(wave_: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Copies moved by up to 50 ms, with noise of up to 2 % of the loudest sample: float32[count, 16000]."""
    moved = np.stack([np.roll(wave_, rng.integers(-800, 801)) for _ in range(count)])
    level = rng.uniform(0, 0.02, (count, 1)) * max(float(np.abs(wave_).max()), 1.0)
    return (moved + rng.normal(0, 1, moved.shape) * level).astype(np.float32)
