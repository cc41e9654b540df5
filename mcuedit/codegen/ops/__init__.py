# SPDX-License-Identifier: Apache-2.0
"""How each op kind becomes a call of firmware/kernels.

A kind is one file with `lower(model, op) -> Lowered` and one line in `_KINDS`.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, field
from importlib import import_module
from typing import Any

import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit.model.tflite import INT8, Model, Op
from mcuedit.model.windows import Window

_U16_MAX = 0xFFFF  # of the fields of a mcuedit_window
_COPIES, _LOOKUP = "mcuedit.codegen.ops.copies", "mcuedit.codegen.ops.lookup"
_KINDS = {
    "ADD": "mcuedit.codegen.ops.binary",
    "AVERAGE_POOL_2D": "mcuedit.codegen.ops.pool",
    "CONCATENATION": _COPIES,
    "CONV_2D": "mcuedit.codegen.ops.conv",
    "DEPTHWISE_CONV_2D": "mcuedit.codegen.ops.depthwise",
    "FULLY_CONNECTED": "mcuedit.codegen.ops.fully_connected",
    "HARD_SWISH": _LOOKUP,
    "LEAKY_RELU": _LOOKUP,
    "LOGISTIC": _LOOKUP,
    "MAX_POOL_2D": "mcuedit.codegen.ops.pool",
    "MEAN": "mcuedit.codegen.ops.mean",
    "MUL": "mcuedit.codegen.ops.binary",
    "PAD": _COPIES,
    "PADV2": _COPIES,
    "QUANTIZE": _LOOKUP,
    "RELU": _LOOKUP,
    "RELU6": _LOOKUP,
    "RESHAPE": "mcuedit.codegen.ops.reshape",
    "SOFTMAX": "mcuedit.codegen.ops.softmax",
    "STRIDED_SLICE": _COPIES,
    "SUB": "mcuedit.codegen.ops.binary",
    "TANH": _LOOKUP,
    "TRANSPOSE": _COPIES,
}


@dataclass(frozen=True)
class Lowered:
    """One op as C.

    Attributes:
        function: of kernels.h, called as `function(&params, *operands)`; empty when the output is the input's bytes.
        params_type: its parameter struct.
        params: (field, C expression); `{name}` of `constants` stands for the array, `{window}` for a pointer to it.
        constants: arrays in flash, by name; covered by the base's CRC.
        operands: "input" (the op's source 0), "input1", ..., "output", "scratch", or the name of a constant; a tuple of
            these stands for an array of them.
        scratch: bytes that "scratch" points to, aligned to a word.
        window: of a windowed op.
        in_place: positions of sources whose place the output may take: the kernel reads an element before it writes it.
    """

    function: str = ""
    params_type: str = ""
    params: tuple[tuple[str, str], ...] = ()
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    operands: tuple[str | tuple[str, ...], ...] = ("input", "output")
    scratch: int = 0
    window: Window | None = None
    in_place: tuple[int, ...] = ()


def lower(model: Model, op: Op) -> Lowered:
    """Lowers one op.

    Raises:
        McueditError: the bare runtime has no such op, or not in this form.
    """
    if model.computes_shape(op):
        return Lowered()
    if op.kind not in _KINDS:
        raise McueditError(
            f"op {op.index} {op.kind} is not in the bare runtime",
            f"it has {', '.join(sorted(_KINDS))}; replace the op in the model or use another runtime",
        )
    sources = model.sources(op)
    require(len(sources) > 0 and len(op.outputs) == 1, op, "its input or its output is missing")
    for tensor in (model.tensors[i] for i in (*sources, op.outputs[0])):
        require(tensor.dtype == INT8, op, f"tensor {tensor.name!r} is {tensor.dtype}, not int8")
        quantized = tensor.scale.size == 1 and 0 < float(tensor.scale[0]) < math.inf
        require(quantized and -128 <= tensor.zero <= 127, op, f"tensor {tensor.name!r} is not quantized")
    lowered: Lowered = import_module(_KINDS[op.kind]).lower(model, op)
    longest = max(astuple(lowered.window)) if lowered.window else 0
    require(longest <= _U16_MAX, op, f"a length of {longest}, at most {_U16_MAX} fit", "make it smaller")
    return lowered


def require(
    holds: bool, op: Op, message: str, hint: str = "convert the model again with full integer quantization"
) -> None:
    """Raises McueditError that names the op unless `holds`."""
    if not holds:
        raise McueditError(f"op {op.index} {op.kind}: {message}", hint)
