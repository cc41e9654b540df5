# SPDX-License-Identifier: Apache-2.0
"""Loop nests over one or two arrays as few loops as can be (MCUEDIT_LOOPS in kernels.h)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import Int8Array, Int32Array
from mcuedit.codegen.ops import require
from mcuedit.model.tflite import Op

_MOST = 6
Loop = tuple[int, int, int]


@dataclass(frozen=True)
class Loops:
    """`outer`: turns and both steps of each loop around the innermost one, outermost first; `inner`: of that one."""

    outer: tuple[Loop, ...]
    inner: Loop

    def constants(self, name: str = "loops") -> dict[str, Int32Array]:
        """The array of the outer ones, if there are any."""
        return {name: np.array(self.outer, np.int32)} if self.outer else {}

    def params(self, name: str = "loops", depth: str = "depth") -> dict[str, str | int]:
        """The fields about the outer ones."""
        return {name: f"{{{name}}}" if self.outer else "0", depth: len(self.outer)}


def whole(shape: Sequence[int]) -> Int8Array:
    """An array whose memory nobody touches: its views say where elements lie."""
    return np.empty(shape, np.int8)


def first(view: Int8Array, array: Int8Array) -> int:
    """Elements before the first one of a view."""
    return int(view.ctypes.data - array.ctypes.data)


def loops(op: Op, a: Int8Array, b: Int8Array) -> Loops:
    """The loops that visit the elements of two views of one shape, in C order.

    Raises:
        McueditError: they are too many.
    """
    found: list[Loop] = []
    for n, step_a, step_b in zip(a.shape, a.strides, b.strides, strict=True):
        if found and (found[-1][1], found[-1][2]) == (n * step_a, n * step_b):
            found[-1] = (found[-1][0] * n, step_a, step_b)
        elif n != 1:
            found.append((n, step_a, step_b))
    require(len(found) <= _MOST, op, f"{len(found)} nested loops, at most {_MOST}", "use fewer dimensions")
    *outer, inner = found or [(math.prod(a.shape), 1, 1)]
    return Loops(tuple(outer), inner)
