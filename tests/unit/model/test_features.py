# SPDX-License-Identifier: Apache-2.0
"""Text features against a reference written from SPEC.md section 4, and against vectors that never change."""

from __future__ import annotations

import inspect
import random

import numpy as np
import pytest

from mcuedit.model import text
from mcuedit.model.text import encode, fnv1a, text_features

N = 512


def reference(data: bytes, n: int) -> list[int]:
    """Section 4, step by step, one byte at a time."""
    values = [0] * n

    def hit(piece: bytes) -> None:
        f = 2166136261
        for byte in piece:
            f = ((f ^ byte) * 16777619) % (1 << 32)
        step = -16 if f & (1 << 31) else 16
        values[f % n] = max(-127, min(127, values[f % n] + step))

    word = bytearray()
    for byte in [*data, 0x20]:
        if 0x41 <= byte <= 0x5A:
            byte += 0x20
        if 0x61 <= byte <= 0x7A or 0x30 <= byte <= 0x39 or byte >= 0x80:
            word.append(byte)
        elif word:
            framed = b"^" + bytes(word) + b"$"
            if len(word) > 3:
                for i in range(len(framed) - 2):
                    hit(framed[i : i + 3])
            hit(b"w" + bytes(word))
            word.clear()
    return values


PROMPTS = [
    b"",
    b" \t\n?!",
    b"a",
    b"what is the capital of burundi?",
    b"WHAT is ThE CaPiTaL of BURUNDI",
    b"burundi's capital: gitega_2019",
    "são tomé and príncipe".encode(),
    "\u0130\u212a \u00c4".encode(),  # letters that only a Unicode lower() would change
    b"\x80\xff\xc3 \x00\x7f@[`{/:",
    b"spam " * 40,
]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("n", [16, 512, 4096])
def test_prompts(prompt, n):
    assert text_features(prompt, n).tolist() == reference(prompt, n)


def test_arbitrary_bytes():
    rng = random.Random(0)
    for _ in range(300):
        data = rng.randbytes(rng.randrange(80))
        assert text_features(data, N).tolist() == reference(data, N)


def test_fnv1a_vectors():
    # From the FNV authors' published test vectors, 32-bit FNV-1a.
    assert fnv1a(b"") == 0x811C9DC5
    assert fnv1a(b"a") == 0xE40C292C
    assert fnv1a(b"foobar") == 0xBF9CF968


GOLDEN = {
    73: 16,
    82: 16,
    101: 16,
    102: 16,
    135: 16,
    196: 16,
    202: 16,
    254: 16,
    410: 16,
    443: 16,
    446: -16,
    451: 16,
    455: 16,
    483: -16,
    492: 16,
    498: 16,
    510: 16,
}


def test_golden_vector():
    """Trained bases depend on these very values: they never change within version 1."""
    hit = {i: int(v) for i, v in enumerate(text_features("Capital of Burundi?", N)) if v}
    assert hit == GOLDEN


def test_text_is_utf8_and_bytes_are_taken_as_they_are():
    assert np.array_equal(text_features("é"), text_features(b"\xc3\xa9"))
    assert np.array_equal(
        text_features("\udcff"), text_features(b"\xff")
    )  # a byte that the command line could not decode


def test_order_of_words_is_no_matter_until_features_saturate():
    assert np.array_equal(text_features("capital of burundi"), text_features("burundi of capital"))


def test_saturation_is_immediate():
    """127 and not 128: nine equal words stand where eight stand."""
    words = text_features("ab " * 8)
    assert np.array_equal(words, text_features("ab " * 9))
    assert sorted(set(words.tolist())) in ([-127, 0], [0, 127])


def test_encode_stacks():
    x = encode(["a", b"b"], N)
    assert (x.shape, x.dtype) == ((2, N), np.int8)
    assert x[1].tolist() == text_features("b").tolist()
    assert encode([], N).shape == (0, N)


def test_it_knows_no_words():
    """Nothing but constants, hashing and byte classes: no list, no file, no import that could bring one."""
    source = inspect.getsource(text)
    assert "open(" not in source
    assert "read" not in source
    imported = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"__future__", "re", "collections.abc", "numpy", "mcuedit._util.typing"}
