# SPDX-License-Identifier: Apache-2.0
"""More words than there are: halves of two words joined, words backwards; and copies of recordings that vary."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import FloatArray
from mcuedit.zoo.words.speech import SLICES, Recordings

_SILENCE = -1.0
_LOUD = 0.12  # of the loudest slice: where a word begins and ends
_BACKWARDS = 0.2  # of all


class Mixer:
    """Makes words of recordings, both halves by one speaker.

    Attributes:
        names: of all words that there can be.
    """

    def __init__(self, recordings: Recordings) -> None:
        self._words, self._speakers = recordings.words, recordings.speakers
        self._x = recordings.x[..., 0].astype(np.float32) / 128
        loudness = (self._x + 1).sum(axis=2)
        loud = loudness > _LOUD * loudness.max(axis=1, keepdims=True)
        self._begin, self._end = loud.argmax(axis=1), SLICES - loud[:, ::-1].argmax(axis=1)
        words = sorted(set(map(str, self._words)))
        self.names = [*(f"-{w}" for w in words), *(f"{a}+{b}" for a in words for b in words if a != b)]
        self._of = {name: np.flatnonzero(self._speakers == name) for name in set(self._speakers)}

    def draw(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, list[str]]:
        """So many words: float32[count, 49, 40], and what they are called."""
        x, names = np.full((count, SLICES, self._x.shape[2]), _SILENCE, np.float32), []
        for i in range(count):
            a = int(rng.integers(len(self._x)))
            if rng.random() < _BACKWARDS:
                x[i], name = self._x[a][::-1], f"-{self._words[a]}"
            else:
                b = int(rng.choice(self._of[self._speakers[a]]))
                while self._words[b] == self._words[a]:
                    b = int(rng.choice(self._of[self._speakers[a]]))
                first = self._x[a, self._begin[a] : (self._begin[a] + self._end[a] + 1) // 2]
                second = self._x[b, (self._begin[b] + self._end[b]) // 2 : self._end[b]]
                joined = np.concatenate([first, second])[:SLICES]
                at = int(rng.integers(SLICES - len(joined) + 1))
                x[i, at : at + len(joined)], name = joined, f"{self._words[a]}+{self._words[b]}"
            names.append(name)
        return x, names


def vary(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Copies: earlier or later, higher or lower by a channel, with gaps in time and frequency, louder, noisier."""
    out, count = np.empty_like(x), len(x)
    later, higher = rng.integers(-6, 7, count), rng.integers(-1, 2, count)
    start, first = rng.integers(0, 44, count), rng.integers(0, 35, count)
    for i in range(count):
        moved = np.roll(x[i], later[i], axis=0)
        moved[: max(later[i], 0)] = _SILENCE
        moved[SLICES + min(later[i], 0) :] = _SILENCE
        moved = np.roll(moved, higher[i], axis=1)
        if rng.random() < 0.5:
            moved[start[i] : start[i] + rng.integers(1, 6)] = _SILENCE
        if rng.random() < 0.5:
            moved[:, first[i] : first[i] + rng.integers(1, 6)] = _SILENCE
        out[i] = moved
    gain = rng.uniform(0.85, 1.15, (count, 1, 1))
    noisy = (out + 1) * gain - 1 + rng.normal(0, 0.04, out.shape)
    return np.clip(noisy, -1, 1).astype(np.float32)
