# SPDX-License-Identifier: Apache-2.0
"""How each op kind becomes a call of firmware/kernels.

A kind's record in mcuedit.model.ops.kinds names the function `lower(model, op) -> Lowered`.
"""

from __future__ import annotations

from dataclasses import astuple

from mcuedit._util.errors import McueditError
from mcuedit.model.causes import AGAIN
from mcuedit.model.ops import NARROWER, NO_KERNEL, is_quantized
from mcuedit.model.ops.int16.kinds import record
from mcuedit.model.ops.int16.kinds import wide as is_wide
from mcuedit.model.ops.kinds import KINDS, Lowered, part
from mcuedit.model.ops.recurrent.state import SILENT
from mcuedit.model.tflite import INT8, INT16, Model, Op

_U16_MAX = 0xFFFF  # of the fields of a mcuedit_window

__all__ = ["Lowered", "lower", "require"]


def lower(model: Model, op: Op) -> Lowered:
    """Lowers one op.

    Raises:
        McueditError: the bare runtime has no such op, or not in this form.
    """
    if not model.is_core(op):
        return Lowered()
    if op.is_accelerator:
        raise McueditError(
            f"op {op.index} custom op {op.custom!r} is an accelerator's, which the bare runtime does not drive",
            "emit --runtime tflm: TensorFlow Lite Micro has a kernel that does",
        )
    if op.kind not in KINDS:
        raise McueditError(
            f"op {op.index} {op.kind} is not in the bare runtime",
            f"it has {', '.join(sorted(KINDS))}; replace the op in the model or use another runtime",
        )
    sources, kind, wide = model.sources(op), record(model, op), is_wide(model, op)
    if kind is None:
        raise McueditError(f"op {op.index} {op.kind} {NO_KERNEL}", NARROWER)
    if not kind.state:
        require(len(sources) > 0 and len(op.outputs) > 0, op, "its input or its output is missing")
        require(kind.splits or len(op.outputs) == 1, op, f"{len(op.outputs)} outputs")
    for tensor in (model.tensors[i] for i in (*sources, *(() if op.kind in SILENT else op.outputs))):
        known = tensor.dtype == INT8 or (wide and tensor.dtype == INT16)
        require(known, op, f"tensor {tensor.name!r} is {tensor.dtype}, not int8")
        require(is_quantized(tensor, wide), op, f"tensor {tensor.name!r} is not quantized")
    lowered: Lowered = part(kind.lowering)(model, op)
    longest = max(astuple(lowered.window)) if lowered.window else 0
    require(longest <= _U16_MAX, op, f"a length of {longest}, at most {_U16_MAX} fit", "make it smaller")
    return lowered


def require(holds: bool, op: Op, message: str, hint: str = AGAIN) -> None:
    """Raises McueditError that names the op unless `holds`."""
    if not holds:
        raise McueditError(f"op {op.index} {op.kind}: {message}", hint)
