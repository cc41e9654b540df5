# SPDX-License-Identifier: Apache-2.0
"""Recordings of single words as the base `words` hears them: every second slice of one second of sound."""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, Int8Array
from mcuedit.edits.sound import RATE, Samples, features

SLICES = 49
Names = npt.NDArray[np.str_]

_EVERY = 2  # of the front end's slices every second one is taken
_LAYOUT = "give a folder of folders: WORD/SPEAKER_....wav, as Speech Commands has them"


@dataclass(frozen=True)
class Recordings:
    """Words, one a recording.

    Attributes:
        x: int8[n, 49, 40, 1]. words: what is said. speakers: by whom.
    """

    x: Int8Array
    words: Names
    speakers: Names

    def __len__(self) -> int:
        return len(self.x)

    def of(self, which: BoolArray | npt.NDArray[np.int64]) -> Recordings:
        """Some of them."""
        return Recordings(self.x[which], self.words[which], self.speakers[which])


def heard(samples: Samples) -> Int8Array:
    """int8[49, 40] of a recording; what is missing of a second is silence, what is more is left out."""
    second = np.zeros(RATE, np.int16)
    second[: min(len(samples), RATE)] = samples[:RATE]
    return features(second)[::_EVERY][:SLICES]


def read(path: Path) -> Samples:
    """The samples of a WAV file of 16 kHz, one channel, 16 bits.

    Raises:
        McueditError: it is another file.
    """
    try:
        with wave.open(str(path), "rb") as file:
            form = file.getframerate(), file.getnchannels(), 8 * file.getsampwidth()
            data = file.readframes(min(file.getnframes(), RATE))
    except (OSError, EOFError, wave.Error) as error:
        raise McueditError(f"{path}: no WAV file that can be read ({error})", _LAYOUT) from error
    if form != (RATE, 1, 16):
        rate, channels, bits = form
        raise McueditError(
            f"{path}: {rate:,} Hz, {channels} channels, {bits} bits", f"sox {path} -r 16000 -c 1 -b 16 OUT.wav"
        )
    return np.frombuffer(data, "<i2")


def read_folder(
    folder: Path,
    hear: Callable[[Samples], Int8Array] = heard,
    advance: Callable[[int], None] = lambda count: None,
    files: Sequence[Path] | None = None,
) -> Recordings:
    """Every recording of a folder of folders.

    Args:
        hear: what a net takes of samples. files: of `listed`, if these are known already.

    Raises:
        McueditError: there are none, or one cannot be read.
    """
    found = []
    for path in files or listed(folder):
        found.append(hear(read(path)))
        advance(1)
    paths = files or listed(folder)
    words, speakers = (np.array(names) for names in zip(*(_said(path) for path in paths), strict=True))
    return Recordings(np.stack(found)[..., None], words, speakers)


def listed(folder: Path) -> list[Path]:
    """The WAV files of a folder of folders, in the order of their names.

    Raises:
        McueditError: there are none.
    """
    found = sorted(path for path in folder.glob("*/*.wav") if not path.parent.name.startswith("_"))
    if not found:
        raise McueditError(f"{folder}: no WAV files in folders of words", _LAYOUT)
    return found


def _said(path: Path) -> tuple[str, str]:
    """Word and speaker."""
    return path.parent.name.replace("_", " "), path.stem.partition("_")[0]


def parted(speakers: Names, share: float = 1 / 3, seed: int = 7) -> tuple[Names, Names]:
    """Speakers to train with, and others to test with."""
    names = np.unique(speakers)
    order = np.random.default_rng(seed).permutation(len(names))
    test = max(1, round(share * len(names)))
    return np.sort(names[order[test:]]), np.sort(names[order[:test]])
