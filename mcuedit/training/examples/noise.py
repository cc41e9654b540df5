# SPDX-License-Identifier: Apache-2.0
"""Noisy copies of inputs: what a gate should not mind, and what it should not fall for."""

from __future__ import annotations

import re

import numpy as np

from mcuedit._util.typing import Int8Array

_WORD = re.compile(r"[\w\x80-\U0010ffff]+", re.ASCII)
# Words that say nothing about a question's matter; unheard-of words are made of random letters.
_FILLERS = (
    "a the is of in to for me please tell now do you know i what which where who how does it that this so and or at "
    "would could can should exactly really just then there today right ok well hey"
).split()
_LETTERS = np.array(list("aaabcdeeefghiiijklmnooopqrssttuuvwyz"))


def reworded(prompt: str, subject: str, rng: np.random.Generator, share: float = 0.3) -> str:
    """A copy with fillers and a share of the words dropped or replaced by unheard-of ones; the subject's words stay."""
    own = {word.lower() for word in _WORD.findall(subject)}
    words: list[str] = []
    for word in prompt.split():
        fate = rng.random()
        if own.intersection(w.lower() for w in _WORD.findall(word)) or fate > share:
            words.append(word)
        elif fate > share / 2:
            words.append(_unheard(rng))
    return _with_fillers(words, rng)


def embellished(prompt: str, rng: np.random.Generator) -> str:
    """A copy with words added and none taken away: it still asks for just what the prompt asks for."""
    return _with_fillers(prompt.split(), rng, unheard=0.5)


def blended(prompt: str, other: str, rng: np.random.Generator) -> str:
    """The words that two wordings of a question share, and about half of the others of both: a wording unheard of."""
    mine, theirs = prompt.split(), other.split()
    shared = set(mine).intersection(theirs)
    words = [word for word in mine if word in shared or rng.random() < 0.5]
    words += [word for word in theirs if word not in shared and rng.random() < 0.5]
    return _with_fillers(words, rng, unheard=0.5)


def jittered(x: Int8Array, rng: np.random.Generator, steps: float) -> Int8Array:
    """Copies of tensors with Gaussian noise of `steps` quantization steps."""
    noise = rng.normal(0.0, steps, x.shape)
    return np.clip(np.round(x + noise), -128, 127).astype(np.int8)


def _with_fillers(words: list[str], rng: np.random.Generator, unheard: float = 0.2) -> str:
    words = list(words)
    for _ in range(rng.integers(0, 4)):
        extra = _unheard(rng) if rng.random() < unheard else _FILLERS[rng.integers(len(_FILLERS))]
        words.insert(int(rng.integers(len(words) + 1)), extra)
    return " ".join(words)


def _unheard(rng: np.random.Generator) -> str:
    return "".join(rng.choice(_LETTERS, rng.integers(3, 10)))
