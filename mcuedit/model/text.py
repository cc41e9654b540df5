# SPDX-License-Identifier: Apache-2.0
"""Text to int8 features by hashing (SPEC.md, section 4); the C twin is firmware/core/text.c."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from mcuedit._util.typing import Int8Array

SHORT = 3  # words up to this length have no trigrams: they are mostly grammar
STEP = 16  # what one occurrence adds or takes away, in steps of the input's quantization
SCALE, ZERO_POINT = 1 / 16, 0

_WORDS = re.compile(rb"[a-z0-9\x80-\xff]+")


def fnv1a(data: bytes) -> int:
    """FNV-1a, 32 bits."""
    h = 2166136261
    for byte in data:
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h


def text_features(text: str | bytes, n: int = 512) -> Int8Array:
    """Features of one prompt.

    Args:
        text: any text (taken as UTF-8) or any bytes.
        n: number of features, a power of two.

    Returns:
        int8[n].
    """
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    features = [0] * n
    for word in _WORDS.findall(data.lower()):  # bytes.lower() knows ASCII only, as specified
        for index, amount in _contributions(word, n):
            features[index] = min(max(features[index] + amount, -127), 127)
    return np.array(features, np.int8)


def encode(texts: Iterable[str | bytes], n: int = 512) -> Int8Array:
    """Features of many prompts: int8[len(texts), n]."""
    rows = [text_features(text, n) for text in texts]
    return np.stack(rows) if rows else np.zeros((0, n), np.int8)


_cache: dict[tuple[bytes, int], list[tuple[int, int]]] = {}


def _contributions(word: bytes, n: int) -> list[tuple[int, int]]:
    """(feature, signed amount) of each hit of one word, in order. Words recur, so they are remembered."""
    hits = _cache.get((word, n))
    if hits is None:
        framed = b"^" + word + b"$"
        grams = range(len(framed) - 2 if len(word) > SHORT else 0)
        hashes = [*(fnv1a(framed[i : i + 3]) for i in grams), fnv1a(b"w" + word)]
        hits = [(h % n, -STEP if h >> 31 else STEP) for h in hashes]
        if len(_cache) < 1 << 16:
            _cache[word, n] = hits
    return hits
