# SPDX-License-Identifier: Apache-2.0
"""Random ops that keep something for later inferences."""

from __future__ import annotations

import numpy as np

from mcuedit.conformance.generators import Drawing, Ref

_NAMES = (b"ring", b"a", b"streaming/states_1")


def ring(d: Drawing, x: Ref, kind: str) -> Ref:
    """VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE about the last inputs along an axis, and CALL_ONCE, or none."""
    axis, name = int(d.rng.integers(len(x.shape))), _NAMES[d.pick(0, 1, 2)]
    memory = d.pick(1, 2, x.shape[axis], 5)

    def along(length: int) -> tuple[int, ...]:
        return (*x.shape[:axis], length, *x.shape[axis + 1 :])

    if kind == "CALL_ONCE" or d.chance():
        d.net.call_once(name, np.full(along(memory), x.zero, np.int8), x.scale, x.zero)
    handle = d.net.tensor("handle", (), 1.0, 0, dtype="RESOURCE")
    d.net.op("VAR_HANDLE", [], handle, container=b"", sharedName=name)
    old, both, new = d.like(x, along(memory)), d.like(x, along(memory + x.shape[axis])), d.like(x, along(memory))
    d.net.op("READ_VARIABLE", [handle], old.index)
    d.net.op("CONCATENATION", [old.index, x.index], both.index, axis=axis)
    begin = [both.shape[axis] - memory if i == axis else 0 for i in range(len(x.shape))]
    d.net.op("SLICE", [both.index, d.integers(begin), d.integers(list(new.shape))], new.index)
    d.net.op("ASSIGN_VARIABLE", [handle, new.index], [])
    if d.chance(0.7):
        return both
    late = d.like(x, along(2 * memory))  # what was read is needed after it was assigned anew
    d.net.op("CONCATENATION", [new.index, old.index], late.index, axis=axis)
    return late
