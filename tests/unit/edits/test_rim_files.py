# SPDX-License-Identifier: Apache-2.0
"""Arrays of the type that a .tflite has at its rim, and of several inputs by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.rims import branching, rimmed

from mcuedit._util.errors import McueditError
from mcuedit.edits import TensorSet, ToVector
from mcuedit.edits.tensor_sets import load_for
from mcuedit.model.tflite import parse

BYTES = np.arange(6, dtype=np.uint8)[None] + 126


def read(folder: Path, data: bytes, **arrays: Any) -> TensorSet:
    np.savez(folder / "e.npz", **arrays)
    return load_for(folder / "e.npz", parse(data))


def test_floats_become_what_the_file_makes_of_them(tmp_path: Path) -> None:
    """Halves go away from zero there, and to the even element without a rim."""
    halves = np.array([[0.5, 1.5, -0.5, -1.5, 2.5, 127.5]], np.float32) / 16
    assert read(tmp_path, rimmed(), x=halves, y=[1]).x.tolist() == [[1, 2, -1, -2, 3, 127]]
    assert read(tmp_path, rimmed("INT8"), x=halves, y=[1]).x.tolist() == [[0, 2, 0, -2, 2, 127]]


def test_bytes_of_the_rim_are_taken_there_and_nowhere_else(tmp_path: Path) -> None:
    rim = rimmed(("UINT8", 1 / 16, 128))
    assert read(tmp_path, rim, x=BYTES, y=[1], keep=BYTES + 9).x.tolist() == [[-2, -1, 0, 1, 2, 3]]
    for data, hint in ((rimmed(), "float32 as the .tflite"), (rimmed("INT8"), "give int8, or floats")):
        with pytest.raises(McueditError, match="x is uint8") as caught:
            read(tmp_path, data, x=BYTES, y=[1])
        assert hint in caught.value.hint


def test_vectors_wanted_may_be_what_the_file_gives(tmp_path: Path) -> None:
    target = np.array([[131, 0, 255, 135]], np.uint8)
    wanted = read(tmp_path, rimmed(last=("UINT8", 1 / 4, 131)), x=np.zeros((1, 6), np.int8), target=target).wanted
    assert isinstance(wanted, ToVector)
    assert wanted.vectors.tolist() == [[0.0, -32.75, 31.0, 1.0]]


def test_several_inputs_are_one_row(tmp_path: Path) -> None:
    a, b = np.arange(10, dtype=np.int8).reshape(2, 5), np.arange(100, 112, dtype=np.int8).reshape(2, 2, 3)
    arrays = {"x:a": a, "x:b": b, "keep:a": a[:1] + 50, "keep:b": b[:1]}
    found = read(tmp_path, branching(), y=[1, 2], **arrays)
    assert found.x.tolist() == [[0, 1, 2, 3, 4, *range(100, 106)], [5, 6, 7, 8, 9, *range(106, 112)]]
    assert found.keep.tolist() == [[50, 51, 52, 53, 54, *range(100, 106)]]
    assert not found.notes
    assert read(tmp_path, branching(), x=found.x, y=[1, 2]).x.tolist() == found.x.tolist()
    real = read(tmp_path, branching(first="UINT8"), y=[1], **{"x:a": a[:1] / 8.0, "x:b": np.full((1, 2, 3), 200, "u1")})
    assert real.x.tolist() == [[0, 1, 2, 3, 4, *[72] * 6]]


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"x:a": np.zeros((1, 5), np.int8)}, "no array 'x:b'"),
        ({"x:a": np.zeros((1, 4), np.int8), "x:b": np.zeros((1, 2, 3), np.int8)}, "x:a has shape"),
        ({"x:a": np.zeros((1, 5), np.int8), "x:b": np.zeros((2, 2, 3), np.int8)}, "x:b has shape"),
        ({"x": np.zeros((1, 11), np.float32)}, "no array 'x:a'"),
        ({"x": np.zeros((1, 10), np.int8)}, "x has shape"),
        ({"keep:a": np.zeros((1, 5), np.int8)}, "no array 'x'"),
    ],
)
def test_inputs_that_do_not_go_together(arrays: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(McueditError, match=why):
        read(tmp_path, branching(), y=[1], **arrays)
