# SPDX-License-Identifier: Apache-2.0
"""Random models of one op, and small nets, on the host's engine: every byte against the oracle."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.conformance import int16
from mcuedit.conformance.oneop import random_graph, random_inputs, random_model, random_net
from mcuedit.emulate.backends.engine import Engine
from mcuedit.model.ops.kinds import KINDS
from mcuedit.model.oracle import Oracle, Tflm
from mcuedit.model.rims import CORE
from mcuedit.model.tflite import Model, parse

NETS, GRAPHS = "nets", "graphs"  # beside the kinds of ops
ALL = (*KINDS, *int16.KINDS, NETS, GRAPHS, int16.GRAPHS)
_INPUTS = 16  # for each model
_STEPS = 4  # of a model with state, which starts anew so many inputs apart
_MOST_OPS = 9


@dataclass(frozen=True)
class Row:
    """Models of one kind.

    Attributes:
        differing_bytes: of `bytes`, over the outputs of all ops, and the model's output as a device would give it.
        differing_models: those with a differing byte, by their number.
    """

    kind: str
    models: int
    bytes: int
    differing_bytes: int
    differing_models: tuple[int, ...]
    seconds: float


def model(kind: str, number: int) -> Model:
    """The model of a kind with that number: always the same."""
    rng = _dice(kind, number)
    if kind == NETS:
        raw = random_net(rng)
    elif kind == GRAPHS:
        raw = random_graph(rng, 1 + number % _MOST_OPS)
    elif kind == int16.GRAPHS:
        raw = int16.random_graph(rng, 1 + number % _MOST_OPS)
    elif kind in int16.KINDS:
        raw = int16.random_model(kind.removesuffix(int16.SUFFIX), rng)
    else:
        raw = random_model(kind, rng)
    return parse(raw, f"{kind} {number}")


def compare(found: Model, number: int, oracle: Callable[[Model], Oracle] = Tflm) -> tuple[int, int]:
    """Bytes compared, and those that differ.

    Raises:
        McueditError: the oracle or the bare runtime refuses the model.
    """
    x = random_inputs(found, _dice("inputs", number), _INPUTS)
    if found.stateful:
        x = x.reshape(-1, _STEPS, *x.shape[1:])
    tensors = [t for op in found.ops if found.is_core(op) for t in op.outputs if found.tensors[t].dtype in CORE]
    engine = Engine(found)
    want, got = oracle(found).activations(x, tensors), engine.activations(x, tensors)
    pairs = [(_bytes(want[t]), _bytes(got[t])) for t in tensors]
    pairs.append((_bytes(want[found.outputs[0]]), engine.run(x)))
    return sum(w.size for w, _ in pairs), sum(int((w != g).sum()) for w, g in pairs)


def _bytes(values: npt.NDArray[Any]) -> Int8Array:
    return np.ascontiguousarray(values.reshape(len(values), -1)).view(np.int8)


def sweep(kinds: Sequence[str], count: int, advance: Callable[[int], None] = lambda n: None) -> Iterator[Row]:
    """Compares `count` models of each kind.

    Args:
        kinds: of ALL.
        advance: told of every further n models.

    Raises:
        McueditError: no such kind, or as `compare`.
    """
    for kind in kinds:
        if kind not in ALL:
            raise McueditError(f"no random models of kind {kind!r}", f"one of {', '.join(ALL)}")
    for kind in kinds:
        start, total, wrong = time.perf_counter(), 0, {}
        for number in range(count):
            compared, differing = compare(model(kind, number), number)
            total += compared
            if differing:
                wrong[number] = differing
            advance(1)
        yield Row(kind, count, total, sum(wrong.values()), tuple(wrong), time.perf_counter() - start)


def _dice(kind: str, number: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(kind.encode()), number])
