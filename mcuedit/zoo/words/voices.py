# SPDX-License-Identifier: Apache-2.0
"""Synthesized recordings by espeak-ng and flite: English, one word each, in some noise."""

from __future__ import annotations

import io
import re
import subprocess
import wave
import zlib
from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.extras import needed
from mcuedit._util.typing import DoubleArray
from mcuedit.edits.sound import RATE, Samples

FLITE = ("kal", "kal16", "awb", "rms", "slt")
_ACCENTS = (
    "en-us", "en-gb", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029", "en-us-nyc",
)  # fmt: skip
_NO_PEOPLE = re.compile("whisper|croak|Demonic|Storm|UniRobot|Alien|robosoft|anikaRobot|fast|echo")
_APART = "awb"
_LOUD = 0.02  # of the peak: where a word begins and ends


@dataclass(frozen=True)
class Said:
    """A word in a voice; `take` draws pitch, speed, place and noise."""

    word: str
    voice: str
    take: int = 0


def voices() -> list[str]:
    """All that are installed, but for robots and whispers.

    Raises:
        McueditError: espeak-ng is not.
    """
    listed = _run(["espeak-ng", "--voices=variant"]).decode()
    return sorted(n for n in set(re.findall(r"!v/(\S+)", listed)) if not _NO_PEOPLE.match(n)) + list(FLITE)


def parted(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Voices to train with, and others that are never heard in training: a quarter of espeak-ng's, one of flite's."""
    every = voices()
    order = rng.permutation(len(every) - len(FLITE))
    held_out = {_APART, *(every[i] for i in order[: len(order) // 4])}
    return [v for v in every if v not in held_out], sorted(held_out)


def say(said: Said) -> Samples:
    """A second of it; the same bytes for the same programs.

    Raises:
        McueditError: neither espeak-ng nor flite is installed.
    """
    rng = np.random.default_rng(zlib.crc32(f"{said.word}|{said.take}|{said.voice}".encode()))
    text = said.word
    if said.voice in FLITE:
        stretch, pitch = rng.uniform(0.8, 1.25), rng.uniform(80, 220)
        how = ["--setf", f"duration_stretch={stretch:.2f}", "--setf", f"int_f0_target_mean={pitch:.0f}"]
        data = _run(["flite", "-voice", said.voice, *how, "-t", text, "-o", "/dev/stdout"])
    else:
        accent = _ACCENTS[zlib.crc32(said.voice.encode()) % len(_ACCENTS)]
        speed, height = rng.integers(120, 190), rng.integers(30, 70)
        how = ["-s", str(speed), "-p", str(height), "--stdout", text]
        data = _run(["espeak-ng", "-v", f"{accent}+{said.voice}", *how])
    return _placed(_word(data, rng.uniform(0.92, 1.08)), rng)


def _run(command: list[str]) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise McueditError(f"{command[0]} does not speak ({error})", "apt install espeak-ng flite") from error


def _word(data: bytes, speed: float) -> DoubleArray:
    """From a WAV file whose header may not know its length: at 16 kHz, without the silence around it."""
    with needed("zoo", "training the base words"):
        from scipy.signal import resample_poly

    with wave.open(io.BytesIO(data), "rb") as file:
        rate = file.getframerate()
    samples = np.frombuffer(data[44 : 44 + 2 * ((len(data) - 44) // 2)], "<i2").astype(np.float64)
    samples = resample_poly(samples, RATE // 100, round(rate / 100 * speed))
    loud = np.flatnonzero(np.abs(samples) > _LOUD * np.abs(samples).max())
    return np.asarray(samples[loud[0] : loud[-1] + 1][:RATE])


def _placed(word: DoubleArray, rng: np.random.Generator) -> Samples:
    """Somewhere in a second of coloured noise."""
    from scipy.signal import lfilter

    at = int((RATE - len(word)) * rng.uniform(0.2, 0.8))
    second = np.zeros(RATE)
    second[at : at + len(word)] = word * rng.uniform(0.1, 0.7) * 32767 / max(np.abs(word).max(), 1)
    level = np.sqrt(np.square(second[at : at + len(word)]).mean()) * 10 ** (-rng.uniform(12, 40) / 20)
    white = rng.normal(0, 1, RATE)
    noise = lfilter([1], [1, -rng.uniform(0, 0.95)], white)
    placed: Samples = np.clip(second + noise / noise.std() * level, -32767, 32767).astype(np.int16)
    return placed
