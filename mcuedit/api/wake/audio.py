# SPDX-License-Identifier: Apache-2.0
"""Recordings: WAV files as the front end hears them, 16 kHz, one channel, 16 bits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util import bounded, extras
from mcuedit._util.errors import McueditError
from mcuedit.edits.sound import EXTRA, RATE, USE, Samples

_MOST = 1024 * bounded.MB  # of one file: nine hours at 16 kHz
_QUIET = 64  # a peak below this is no speech: -54 dB


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording.

    Attributes:
        name: for people. samples: int16[n] at 16 kHz. voice: who speaks, as far as the name tells; else the name.
        notes: what had to be done to it.
    """

    name: str
    samples: Samples
    voice: str = ""
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / RATE

    @property
    def silent(self) -> bool:
        """Whether there is nothing in it that could be speech."""
        return int(np.abs(self.samples.astype(np.int32)).max(initial=0)) < _QUIET

    @property
    def sha256(self) -> str:
        """Of what is heard."""
        return hashlib.sha256(self.samples.tobytes()).hexdigest()


def load(path: Path, name: str = "") -> Clip:
    """Reads a WAV file, or another that libsndfile knows.

    Raises:
        McueditError: it cannot be read, or is no sound.
    """
    name = name or path.name
    with extras.needed(EXTRA, USE):
        import soundfile
    if path.exists() and path.stat().st_size > _MOST:
        raise McueditError(f"{path}: larger than {bounded.shown(_MOST)}", "cut it into pieces")
    try:
        found, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (OSError, RuntimeError) as error:  # libsndfile's own error is the latter
        raise McueditError(f"{path}: no sound that can be read ({error})", "give WAV files") from error
    notes = []
    samples = found[:, 0]
    if found.shape[1] > 1:
        samples = np.round(found.mean(axis=1)).astype(np.int16)
        notes.append(f"{name}: {found.shape[1]} channels, their mean is taken")
    if rate != RATE:
        samples = resampled(samples, rate, RATE)
        notes.append(f"{name}: {rate:,} Hz, resampled to {RATE:,}")
    return Clip(name, samples, voice_of(name), tuple(notes))


def resampled(samples: npt.NDArray[Any], rate: float, to: float) -> Samples:
    """The same sound at another rate."""
    with extras.needed(EXTRA, USE):
        import soxr
    made = soxr.resample(samples.astype(np.float32), rate, to)
    return np.asarray(np.clip(np.round(made), -32768, 32767), np.int16)


def voice_of(name: str) -> str:
    """Who speaks: what stands before "--" in the name of a file, as `wake synth` writes them, else the folder in it."""
    path = Path(name)
    if "--" in path.stem:
        return path.stem.partition("--")[0]
    return str(path.parent) if path.parent != Path() else path.stem


def wav(samples: Samples) -> bytes:
    """A WAV file's bytes."""
    import io
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def folder(path: Path) -> list[Clip]:
    """Every recording below a folder, in the order of their names; those that are silent are left out, with a note.

    Raises:
        McueditError: there is no such folder, or nothing in it that could be speech.
    """
    if not path.is_dir():
        raise McueditError(f"{path}: no such folder", "give a folder of WAV files")
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() == ".wav" and p.is_file())
    if not files:
        raise McueditError(f"{path}: no WAV file in it", "record some, or let 'mcuedit wake synth' speak them")
    clips = [load(file, file.relative_to(path).as_posix()) for file in files]
    heard = [clip for clip in clips if not clip.silent]
    if not heard:
        raise McueditError(f"{path}: {len(clips)} WAV files, all silent", "is the microphone on?")
    silent = [clip.name for clip in clips if clip.silent]
    if silent:
        note = f"{path}: {len(silent)} silent files are left out: {', '.join(silent[:3])}"
        heard[0] = Clip(heard[0].name, heard[0].samples, heard[0].voice, (*heard[0].notes, note))
    return heard


def refuse_shared(parts: Sequence[tuple[str, Sequence[Clip]]]) -> None:
    """Refuses one recording that is given twice, with two meanings.

    Args:
        parts: what each folder is given as, and what is in it.

    Raises:
        McueditError: names both files.
    """
    first: dict[str, tuple[str, str]] = {}
    for option, clips in parts:
        for clip in clips:
            other = first.setdefault(clip.sha256, (option, clip.name))
            if other[0] != option:
                what = f"{option}: {clip.name} is the same recording as {other[1]} of {other[0]}"
                raise McueditError(what, "a recording is to fire or it is not: take it out of one of the folders")
