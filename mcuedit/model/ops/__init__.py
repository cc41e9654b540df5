# SPDX-License-Identifier: Apache-2.0
"""The base's ops as exact integer arithmetic on numpy arrays, with straight-through gradients.

Each op kind is one class behind `Operator`; its record in `kinds` names it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.causes import AGAIN, QUANTIZE
from mcuedit.model.ops.int16.kinds import record
from mcuedit.model.ops.int16.kinds import wide as is_wide
from mcuedit.model.ops.kinds import KINDS, Kind, part
from mcuedit.model.tflite import INT8, INT16, Model, Op, Tensor

NO_KERNEL = "has no kernel of 16-bit activations in the bare runtime"
NARROWER = f"run it with TensorFlow Lite Micro, or convert it with int8 activations: {QUANTIZE}"


class Operator(Protocol):
    """One op; a leading axis runs over samples. Constant operands are part of it."""

    def forward(self, *xs: Int8Array) -> Int8Array:
        """int8[n, *shape] of each of `Model.sources(op)` -> int8[n, *output], byte for byte as TFLM."""
        ...

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> tuple[FloatArray, ...]:
        """Gradients by each source's int8 steps from that by the output's: rounding passes, clamps block.

        Args:
            grad: float32[n, *output]. xs, y: what `forward` took and gave.

        Returns:
            float32[n, *shape] per source.
        """
        ...


def kinds() -> list[str]:
    """Op kinds that can be simulated."""
    return sorted(KINDS)


def operator(model: Model, op: Op, output: int = 0) -> Operator:
    """The simulation of one op of a model.

    Args:
        output: which of its outputs, of an op that has several.

    Raises:
        McueditError: the op's kind is not simulated, its tensors are not int8, or TFLM refuses it as well.
    """
    kind = record(model, op)
    if op.kind not in KINDS:
        raise McueditError(
            f"op {op.index} {op.kind} comes after the target and cannot be trained through",
            f"choose a later target; ops that can follow one: {', '.join(kinds())}",
        )
    if kind is None:
        raise McueditError(f"op {op.index} {op.kind} {NO_KERNEL}", NARROWER)
    _require_quantized(model, op, kind)
    reference = part(kind.reference)
    made: Operator = reference(model, op, output) if kind.splits else reference(model, op)
    return made


def is_quantized(tensor: Tensor, wide: bool) -> bool:
    """Whether an activation is int8 with one scale, or, of an op with 16-bit ones, int16 with zero point 0."""
    known = tensor.dtype == INT8 or (wide and tensor.dtype == INT16)
    if not (known and tensor.scale.size == tensor.zero_point.size == 1 and 0 < float(tensor.scale[0]) < math.inf):
        return False
    return tensor.zero == 0 if tensor.dtype == INT16 else -128 <= tensor.zero <= 127


def _require_quantized(model: Model, op: Op, kind: Kind) -> None:
    """Raises unless the op has an activation to read, its outputs, and all of them are quantized."""
    sources, wide = model.sources(op), is_wide(model, op)
    place = kind.source
    if kind.state:
        return
    if not sources or not (kind.several or sources == op.inputs[place : place + 1]):
        raise McueditError(f"op {op.index} {op.kind}: input {place} must be its only activation", AGAIN)
    if not op.outputs or not (kind.splits or len(op.outputs) == 1):
        raise McueditError(f"op {op.index} {op.kind}: {len(op.outputs)} outputs", AGAIN)
    for tensor in (model.tensors[i] for i in (*sources, *op.outputs)):
        if wide and tensor.dtype != INT16 and op.kind != "QUANTIZE":
            raise McueditError(f"op {op.index} {op.kind}: {tensor.name!r} is {tensor.dtype} beside int16", AGAIN)
        if not is_quantized(tensor, wide):
            what = "int8, or int16 around 0" if wide else "int8"
            raise McueditError(
                f"op {op.index} {op.kind}: tensor {tensor.name!r} is {tensor.dtype}, not quantized {what}",
                AGAIN,
            )
