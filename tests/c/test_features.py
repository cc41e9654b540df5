# SPDX-License-Identifier: Apache-2.0
"""Text features in C and in Python are the same bytes, on prompts and on anything else."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from helpers.native import Native

from mcuedit.model.text import text_features

PROMPTS = [
    "",
    " ",
    "a",
    "ab",
    "abc",
    "abcd",
    "What is the capital of Burundi?",
    "ÅLAND ñs",
    "x" * 300,
    "a-b c_d 42",
    "日本",
]


def in_c(net: Native, text: bytes, n: int) -> np.ndarray:
    features = np.full(n + 1, 77, np.int8)
    net.lib.mcuedit_text_features(text, len(text), features.ctypes.data_as(ctypes.c_void_p), n)
    assert features[n] == 77
    return features[:n]


@pytest.mark.parametrize("text", PROMPTS)
def test_prompts(net: Native, text: str) -> None:
    np.testing.assert_array_equal(in_c(net, text.encode(), 512), text_features(text, 512))


@pytest.mark.parametrize("n", [1, 16, 512, 4096])
def test_arbitrary_bytes(net: Native, n: int) -> None:
    rng = np.random.default_rng(n)
    alphabet = np.frombuffer(bytes(range(256)) + b" aAzZ09" * 40, np.uint8)
    for length in [*range(12), *rng.integers(12, 400, 150).tolist()]:
        text = rng.choice(alphabet, length).tobytes()
        np.testing.assert_array_equal(in_c(net, text, n), text_features(text, n))
