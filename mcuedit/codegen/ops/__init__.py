# SPDX-License-Identifier: Apache-2.0
"""How each op kind becomes a call of firmware/engine.

A kind is one file with `lower(model, op) -> Lowered` and one line in `_KINDS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy.typing as npt

from mcuedit.errors import McueditError
from mcuedit.model import INT8, INT32, Model, Op

_KINDS = {
    "FULLY_CONNECTED": "mcuedit.codegen.ops.fully_connected",
    "RESHAPE": "mcuedit.codegen.ops.reshape",
    "SOFTMAX": "mcuedit.codegen.ops.softmax",
}

# What a converter makes of Flatten over an open batch. It ends in the shape operand of a RESHAPE, which is known here.
_SHAPE_KINDS = ("PACK", "SHAPE", "STRIDED_SLICE")


@dataclass(frozen=True)
class Lowered:
    """One op as C.

    Attributes:
        function: of engine.h, called as `function(&params, input, output)`; empty when the output is the input's bytes.
        params_type: its parameter struct.
        params: (field, C expression); `{name}` of `constants` stands for the array.
        constants: arrays in flash, by name; covered by the base's CRC.
    """

    function: str = ""
    params_type: str = ""
    params: tuple[tuple[str, str], ...] = ()
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


def is_shape_arithmetic(model: Model, op: Op) -> bool:
    """Whether the op only computes a shape, which leaves no code."""
    return op.kind in _SHAPE_KINDS and model.tensors[op.outputs[0]].dtype == INT32


def lower(model: Model, op: Op) -> Lowered:
    """Lowers one op.

    Raises:
        McueditError: the bare runtime has no such op, or not in this form.
    """
    if is_shape_arithmetic(model, op):
        return Lowered()
    if op.kind not in _KINDS:
        raise McueditError(
            f"op {op.index} {op.kind} is not in the bare runtime",
            f"it has {', '.join(sorted(_KINDS))}; replace the op in the model or use another runtime",
        )
    require(op.inputs[:1] > (-1,) and len(op.outputs) == 1, op, "its input or its output is missing")
    for tensor in (model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]):
        quantized = tensor.dtype == INT8 and tensor.scale.size == 1 and 0 < float(tensor.scale[0]) < math.inf
        require(quantized, op, f"tensor {tensor.name!r} is {tensor.dtype}, not quantized int8")
    lowered: Lowered = import_module(_KINDS[op.kind]).lower(model, op)
    return lowered


def require(
    holds: bool, op: Op, message: str, hint: str = "convert the model again with full integer quantization"
) -> None:
    """Raises McueditError that names the op unless `holds`."""
    if not holds:
        raise McueditError(f"op {op.index} {op.kind}: {message}", hint)
