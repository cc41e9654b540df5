# SPDX-License-Identifier: Apache-2.0
"""Ops that move bytes name what does not fit, before TensorFlow Lite Micro reads beyond a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.tflite import Model, parse


def one(kind: str, shape: Sequence[int], *constants: Any, made: Sequence[Sequence[int]], first: bool = True, **options):
    """A model of one op with int32 constants beside its input."""
    net = NetBuilder()
    x = net.tensor("x", shape, 0.5, 3)
    beside = [net.constant(f"c{i}", np.array(values, np.int32)) for i, values in enumerate(constants)]
    outputs = [net.tensor(f"y{i}", s, 0.5, 3) for i, s in enumerate(made)]
    net.op(kind, [x, *beside] if first else [*beside, x], outputs, **options)
    return parse(net.pack(x, outputs[0]), kind)


FRAMED = one("SPACE_TO_BATCH_ND", (1, 4, 4, 2), [2, 2], [[1, 1], [1, 1]], made=[(4, 3, 3, 2)])
WRONG = {
    "slice": (one("SLICE", (1, 6), [0, 3], [1, 4], made=[(1, 4)]), r"\[1, 4\] elements from \[0, 3\] on of \[1, 6\]"),
    "gather": (one("GATHER", (1, 6), [2, 6], made=[(1, 2)], axis=1), r"positions \[2, 6\] of 6"),
    "axis": (one("GATHER", (1, 6), [0], made=[(1, 1)], axis=2), r"axis 2 of \[1, 6\]"),
    "split": (one("SPLIT", (1, 6), 1, made=[(1, 2), (1, 4)], first=False, numSplits=2), r"lengths \[2, 4\] of 6"),
    "lengths": (one("SPLIT_V", (1, 6), [2, 5], 1, made=[(1, 2), (1, 5)]), r"lengths \[2, 5\] of 6"),
    "unpack": (one("UNPACK", (1, 6), made=[(6,), (6,)], num=2), r"lengths \[1, 1\] of 1"),
    "pack": (one("PACK", (1, 6), made=[(2, 1, 6)], valuesCount=2), "1 of 1 inputs at axis 0"),
    "expand": (one("EXPAND_DIMS", (1, 6), 1, made=[(1, 6, 1)]), r"with an axis at 1 is not \[1, 6, 1\]"),
    "squeeze": (one("SQUEEZE", (1, 6), made=[(1, 6)]), r"\[1, 6\] without axes of length 1 is not \[1, 6\]"),
    "depth": (one("DEPTH_TO_SPACE", (1, 2, 2, 6), made=[(1, 4, 4, 1)], blockSize=2), "blocks of 2 x 2 from 6 channels"),
    "blocks": (one("SPACE_TO_DEPTH", (1, 3, 2, 1), made=[(1, 1, 1, 4)], blockSize=2), r"blocks of 2 x 2 in \[1, 3,"),
    "batch": (one("BATCH_TO_SPACE_ND", (3, 2, 2, 1), [2, 1], [[0, 0], [0, 0]], made=[(1, 4, 2, 1)]), "from 3 images"),
    "frame": (FRAMED, r"a frame of \[1, 1, 1, 1\]: TensorFlow Lite Micro fills it with what memory happens to hold"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_named(name: str) -> None:
    model, words = WRONG[name]
    refused(model, f"op 0 {model.ops[0].kind}: .*{words}")


def refused(model: Model, words: str) -> None:
    with pytest.raises(McueditError, match=words):
        ops.operator(model, model.ops[0])
    with pytest.raises(McueditError, match=words):
        codegen.plan_arena(model)
