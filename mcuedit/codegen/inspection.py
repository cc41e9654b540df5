# SPDX-License-Identifier: Apache-2.0
"""What a base or an adapter is made of, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.codegen.arena_plan import plan_arena
from mcuedit.codegen.ops import lower
from mcuedit.model import compiled
from mcuedit.model.adaptable import is_adaptable, tap_tensor
from mcuedit.model.bundle import Base
from mcuedit.model.ops.int16.kinds import wide
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model, Op, Tensor
from mcuedit.training.placement import places


@dataclass(frozen=True)
class OpInfo:
    """One op of a base.

    Attributes:
        macs: multiplications of one inference; 0 for an op without weights.
        tap, target: whether a delta can read its input, be added to its output.
        named: only where that is asked for: `edit` does not try it, and generated code leaves it out.
        why_not: the reason if it cannot be one of the two; empty otherwise.
        bare: whether the bare runtime runs it.
    """

    index: int
    kind: str
    input: Tensor | None
    weights: Tensor | None
    output: Tensor | None
    macs: int
    tap: bool
    target: bool
    named: bool
    why_not: str
    bare: bool


@dataclass(frozen=True)
class Runtimes:
    """Which runtimes run a base; a reason instead of "" where one does not.

    Attributes:
        arena, stack_scratch: bytes of RAM that the bare runtime's plan takes; None where it does not run the base.
        constants: bytes of flash for weights, biases, multipliers and tables in the bare runtime.
    """

    bare: str
    tflm: str
    arena: int | None = None
    stack_scratch: int | None = None
    constants: int | None = None


def runtimes(model: Model) -> Runtimes:
    """Tries the base on both runtimes: plans it for the bare one, loads it into TensorFlow Lite Micro."""
    tflm = _error(lambda: compiled.oracle(model, Tflm))
    try:
        made = plan_arena(model)
    except McueditError as error:
        return Runtimes(error.message, tflm)
    constants = sum(values.nbytes for lowered in made.lowered for values in lowered.constants.values())
    return Runtimes("", tflm, made.arena_size, made.stack_scratch, constants)


_WEIGHTED = ("FULLY_CONNECTED", "CONV_2D")
_CODE = 20 << 10  # bytes of flash: the server app with the kernels, and an adapter
_DATA = 1 << 10  # bytes of RAM: what it has beside the arena and the stack


def holds(board: Board, base: Base, runs: Runtimes) -> bool:
    """Whether a board has the memory for a base in the server app, with the bare runtime and an adapter."""
    if runs.constants is None or runs.arena is None:
        return False
    labels = sum(len(label.encode()) + 2 for label in base.labels or ())
    return board.holds(runs.constants + labels + _CODE, runs.arena + board.stack + _DATA)


def _error(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except McueditError as error:
        return error.message
    return ""


def describe(model: Model) -> list[OpInfo]:
    """Every op of a base, in order of execution."""
    return [_op(model, op) for op in model.ops]


def _op(model: Model, op: Op) -> OpInfo:
    inputs, outputs = model.op_tensors(op)
    source, output = inputs[0] if inputs else None, outputs[0] if outputs else None
    weights = next((t for t in inputs[1:] if t is not None and t.data is not None and t.scale.size), None)
    no_tap, no_target = places.no_tap(model, op.index), places.no_target(model, op.index)
    if op.is_accelerator and not no_tap:
        source = model.tensors[tap_tensor(model, op.index)]
    why_not = no_tap.message if no_tap else f"no target: {no_target.message}" if no_target else ""
    if op in model.tail_ops:
        why_not = "behind the core, in the file alone"
    elif no_tap and not is_adaptable(model, op):
        why_not = "carries no delta" + ": its activations have 16 bits" * (op.kind in _WEIGHTED and wide(model, op))
    return OpInfo(
        op.index,
        op.custom or op.kind,
        source,
        weights,
        output,
        macs(op, source, weights, output),
        no_tap is None,
        no_target is None,
        not is_adaptable(model, op),
        why_not,
        op not in model.tail_ops and not _error(lambda: lower(model, op)),
    )


def macs(op: Op, source: Tensor | None, weights: Tensor | None, output: Tensor | None) -> int:
    """Multiply-accumulates of one inference; 0 for an op whose kind has no weights."""
    if source is None or weights is None or output is None:
        return 0
    per_output: dict[str, Callable[[tuple[int, ...]], int]] = {
        "FULLY_CONNECTED": lambda shape: shape[-1],
        "CONV_2D": lambda shape: int(np.prod(shape[1:])),
        "DEPTHWISE_CONV_2D": lambda shape: int(np.prod(shape[1:3])),
    }
    count = per_output.get(op.kind)
    return output.size * count(weights.shape) if count and weights.shape else 0
