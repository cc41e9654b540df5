# SPDX-License-Identifier: Apache-2.0
"""A patch of weights: which bytes change, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import tiny
from helpers.convs import Conv
from helpers.fitting import changed

from mcuedit._util.errors import McueditError
from mcuedit.adapter import weight_patch
from mcuedit.model.tflite import parse


@pytest.mark.parametrize(
    ("data", "index"), [(tiny.classifier(), 0), (tiny.classifier(), 1), (Conv(c_out=4).tflite(), 0)]
)
def test_only_weights_of_the_op_change(data: bytes, index: int) -> None:
    model = parse(data)
    old = weight_patch.weights_of(model, index)
    new, _ = weight_patch.shifted(old, np.random.default_rng(0).normal(0, 2, old.shape))
    result = weight_patch.merge(model, index, new)
    again = parse(result)
    np.testing.assert_array_equal(weight_patch.weights_of(again, index), new)
    for tensor, other in zip(model.tensors, again.tensors, strict=True):
        if tensor.data is not None and tensor.index != model.ops[index].inputs[1]:
            np.testing.assert_array_equal(tensor.data, other.data)
    at = changed(model, result)
    assert len(at) == (old != new).sum()
    assert weight_patch.merge(again, index, old) == data
    patch = weight_patch.patch(model, result, index, 3)
    assert (patch.weights, patch.changed, patch.clipped) == (old.size, len(at), 3)
    assert patch.span == at[-1] - at[0] + 1
    assert 0 < patch.packed <= patch.span + 64


def test_nothing_changed_is_an_empty_patch() -> None:
    model = parse(tiny.classifier())
    data = weight_patch.merge(model, 0, weight_patch.weights_of(model, 0))
    assert data == model.data
    assert weight_patch.patch(model, data, 0) == weight_patch.Patch(16 * 8, 0, 0, 0, 0)


def test_the_grid_and_its_ends() -> None:
    weights = np.array([[-128, -128, 127, -127, 5, 5]], np.int8)
    change = np.array([[0.4, 1.0, 1.0, -9.0, 0.5, -0.6]])
    moved, clipped = weight_patch.shifted(weights, change)
    assert moved.tolist() == [[-128, -127, 127, -127, 5, 4]]
    assert clipped == 2


def _same_buffer(m):
    tensors = m.subgraphs[0].tensors
    twin = next(i for i, t in enumerate(tensors) if t.name == b"w1")
    tensors[twin].buffer = tensors[next(i for i, t in enumerate(tensors) if t.name == b"w0")].buffer


def _same_tensor(m):
    first, second = m.subgraphs[0].operators[:2]
    second.inputs = [second.inputs[0], first.inputs[1], second.inputs[2]]


@pytest.mark.parametrize("change", [_same_buffer, _same_tensor])
def test_shared_weights_are_refused(change) -> None:
    model = parse(tiny.altered(tiny.classifier((8, 8, 8)), change))
    with pytest.raises(McueditError, match=r"op 0 FULLY_CONNECTED: its weights .* are shared: 2 tensors or ops"):
        weight_patch.weights_of(model, 0)


def test_weights_outside_the_flatbuffer_are_refused() -> None:
    model = parse(tiny.altered(tiny.classifier(), lambda m: setattr(m.buffers[1], "offset", 4096)))
    with pytest.raises(McueditError, match=r"op 0 FULLY_CONNECTED: its weights .* are stored outside"):
        weight_patch.weights_of(model, 0)


def test_ops_without_weights_are_refused() -> None:
    model = parse(tiny.classifier())
    with pytest.raises(McueditError, match="op 2 SOFTMAX has no weights"):
        weight_patch.weights_of(model, 2)
    with pytest.raises(McueditError, match="4 weights, the base has 128"):
        weight_patch.merge(model, 0, np.zeros((2, 2), np.int8))
