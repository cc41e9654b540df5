# SPDX-License-Identifier: Apache-2.0
"""The oracle, and the reader that asks it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from helpers import tiny

from mcuedit._util.errors import McueditError
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import ops
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle, Reader
from mcuedit.model.tflite import parse


class Counting:
    """An oracle that notes how many inputs it was given."""

    name = "counting"

    def __init__(self, inner: Oracle) -> None:
        self._inner = inner
        self.asked: list[int] = []

    def activations(self, x: np.ndarray, tensors: Sequence[int]) -> dict[int, np.ndarray]:
        self.asked.append(len(x))
        return self._inner.activations(x, tensors)


@pytest.fixture
def oracle(tiny_model):
    return Counting(best_oracle(tiny_model))


@pytest.fixture
def read(tiny_model, oracle):
    return Reader(Base("tiny", tiny_model, features=16), oracle, [0, 3, 6, 7, 7])


def test_every_tensor_is_what_the_ops_give(tiny_model, oracle):
    x = np.random.default_rng(0).integers(-128, 128, (20, 1, 16)).astype(np.int8)
    at = [tiny_model.inputs[0], *(op.outputs[0] for op in tiny_model.ops)]
    found = oracle.activations(x, at)
    for op in tiny_model.ops:
        x = ops.operator(tiny_model, op).forward(x)
        assert found[op.outputs[0]].tolist() == x.tolist(), op.kind
        assert found[op.outputs[0]].dtype == np.int8


def test_a_prompt_is_run_once(read, oracle):
    first = read(["what is a", "what is b", "what is a"])
    assert oracle.asked == [2]
    assert np.array_equal(first[7][0], first[7][2])
    again = read(["what is b", "what is c"])
    assert oracle.asked == [2, 1]
    assert np.array_equal(again[7][0], first[7][1])
    read(["what is a"])
    assert oracle.asked == [2, 1]


def test_answers_do_not_depend_on_what_was_asked_before(read, tiny_model):
    fresh = Reader(read.base, best_oracle(tiny_model), [7])
    read(["x", "y"])
    assert np.array_equal(read(["z", "x"])[7], fresh(["z", "x"])[7])


def test_tensors_go_straight_through(read, oracle):
    x = np.zeros((3, 1, 16), np.int8)
    assert read(x)[7].shape == (3, 1, 6)
    assert read(x)[0].tolist() == x.tolist()
    assert oracle.asked == [3, 3]


def test_nothing_asked(read):
    assert read([])[7].shape == (0, 1, 6)
    read(["a"])
    assert read([])[7].shape == (0, 1, 6)


def test_absurd_shapes_are_refused_before_memory_is_taken(tiny_bytes):
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    from mcuedit.model.oracle import Tflm

    def inflate(m):
        m.subgraphs[0].tensors[3].shape = [1 << 20, 1 << 20]

    with pytest.raises(McueditError, match="activations have 1,099,511,627,") as caught:
        Tflm(parse(tiny.altered(tiny_bytes, inflate)))
    assert "inspect" in caught.value.hint


def test_models_that_tflm_refuses(tiny_bytes):
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    from mcuedit.model.oracle import Tflm

    def rename(m):
        m.operatorCodes[1].builtinCode = m.operatorCodes[1].deprecatedBuiltinCode = 110  # RANK

    with pytest.raises(McueditError, match="TensorFlow Lite Micro refuses the model"):
        Tflm(parse(tiny.altered(tiny_bytes, rename)))


def test_shapes_that_tflm_would_believe(tiny_bytes):
    """TFLM does not compare the shapes of a FULLY_CONNECTED op: it would read past the end of the weights."""
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    from mcuedit.model.oracle import Tflm

    def narrow(m):
        m.subgraphs[0].tensors[6].shape = [1, 9]  # six rows of weights for nine logits

    with pytest.raises(McueditError, match="op 1 FULLY_CONNECTED: shapes"):
        Tflm(parse(tiny.altered(tiny_bytes, narrow)))
