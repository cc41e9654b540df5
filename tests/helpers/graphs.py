# SPDX-License-Identifier: Apache-2.0
"""A few random graphs that hold every kind of op, for what takes a build each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from mcuedit.conformance import int16
from mcuedit.conformance.oneop import random_graph
from mcuedit.model.ops.int16.kinds import WIDE
from mcuedit.model.ops.kinds import KINDS, Kind
from mcuedit.model.tflite import Model, parse

_OPS, _DRAWN, _MOST_ELEMENTS, _MOST_GRAPHS = 32, 80, 8000, 6


@cache
def graphs_of_all_kinds() -> tuple[Model, ...]:
    """Models whose ops are of all `kinds.KINDS` together that keep no state."""
    return _graphs(random_graph, _without_state(KINDS))


@cache
def wide_graphs() -> tuple[Model, ...]:
    """Models of 16-bit activations whose ops are of all `int16.kinds.WIDE` together that keep no state."""
    return _graphs(int16.random_graph, _without_state(WIDE))


def _without_state(kinds: Mapping[str, Kind]) -> set[str]:
    return {kind for kind, record in kinds.items() if not record.state}


def _graphs(draw: Callable[[np.random.Generator, int], bytes], missing: set[str]) -> tuple[Model, ...]:
    drawn = [parse(draw(np.random.default_rng(i), _OPS), f"graph {i}") for i in range(_DRAWN)]
    small = [model for model in drawn if sum(t.size for t in model.tensors) < _MOST_ELEMENTS]
    found: list[Model] = []
    while missing:
        found.append(max(small, key=lambda model: len(missing.intersection(op.kind for op in model.ops))))
        missing -= {op.kind for op in found[-1].ops}
        assert len(found) <= _MOST_GRAPHS, f"too few graphs have {missing}"
    return tuple(found)
