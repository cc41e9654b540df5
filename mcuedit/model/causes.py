# SPDX-License-Identifier: Apache-2.0
"""Models that are no base, called by their names: one row for each cause, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mcuedit._util.errors import McueditError

if TYPE_CHECKING:
    from mcuedit.model.tflite import Model, Op, Tensor

_INT8, _INT16 = "INT8", "INT16"
QUANTIZE = "mcuedit quantize SOURCE --samples F.npz -o DIR"
AGAIN = f"convert the model again: {QUANTIZE}"  # the way out of what no converter of ours makes
_FULL = f"make an int8 one of what it was converted from: {QUANTIZE}"
_ENDS = f"set the converter's inference_input_type and inference_output_type to tf.int8, or: {QUANTIZE}"
_RIM = ("QUANTIZE", "DEQUANTIZE", "CAST")  # what stands between a rim of another type and what is int8

_CUSTOM = ("CIRCULAR_BUFFER", "Signal", "TFLite_Detection_PostProcess", "ethos-u", "edgetpu-custom-op")

Cause = Callable[["Model"], str]


def require(model: Model, name: str) -> None:
    """Raises unless the model is a base.

    Args:
        name: of the file, for messages.

    Raises:
        McueditError: it is none; calls what it is by its name and says the way out.
    """
    if not model.inputs or not model.outputs:
        missing = "input" if not model.inputs else "output"
        raise McueditError(f"{name}: a model without {missing}", "convert it again from what has one")
    for cause, hint in _CAUSES:
        if found := cause(model):
            raise McueditError(f"{name}: {found}", hint)
    for op, tensor in _read(model):
        _require_fixed(tensor, f"{name}: {_where(op)}")
    for which, tensors in ("input", model.inputs), ("output", model.outputs):
        for tensor in (model.tensors[t] for t in tensors):
            around = {_INT8: range(-128, 128), _INT16: range(1)}.get(tensor.dtype, ())
            if not tensor.scale.size == tensor.zero_point.size == 1 or tensor.zero not in around:
                ends = [op for op in model.ops if tensor.index in (op.inputs if which == "input" else op.outputs)]
                where = _where(ends[0]) if ends else ""
                raise McueditError(
                    f"{name}: {where}{which} {tensor.name!r} is {tensor.dtype}, not quantized int8", _FULL
                )


def _require_fixed(tensor: Tensor, where: str) -> None:
    """Raises where a tensor has other lengths than the batch open."""
    if tensor.open_axes not in ((), (0,)):
        raise McueditError(
            f"{where}tensor {tensor.name!r} leaves axes {list(tensor.open_axes)} open, only the batch may be",
            f"give the network an input of fixed shape, then {QUANTIZE}",
        )


def _custom(code: str, what: str) -> Cause:
    def cause(model: Model) -> str:
        op = next((op for op in model.ops if op.custom == code), None)
        return f"{_where(op)}custom op {code!r}: {what}" if op else ""

    return cause


def _scale(model: Model) -> str:
    """A scale that says that calibration saw infinity, NaN, or nothing at all."""
    for op, tensor in _read(model):
        if not np.isfinite(tensor.scale).all():
            return f"{_where(op)}tensor {tensor.name!r} has a scale of {tensor.scale[~np.isfinite(tensor.scale)][0]}"
        if tensor.data is None and tensor.dtype in (_INT8, _INT16) and tensor.scale.size and not tensor.scale.all():
            return f"{_where(op)}tensor {tensor.name!r} has a scale of 0: its calibration saw a range of zero"
    return ""


def _rims(model: Model) -> str:
    """int8 inside, another type at the ends."""
    inner = {_INT8} & {t.dtype for op in model.ops if op.kind not in _RIM for t in _tensors(model, op)}
    ends = {*model.inputs, *model.outputs}
    odd = [t for t in ends if model.tensors[t].dtype in ("FLOAT32", "UINT8")]
    others = {
        t.index
        for op in model.ops
        for t in _tensors(model, op)
        if t.data is None and (t.dtype.startswith("FLOAT") or t.dtype == "UINT8")
    }
    if not inner or not odd or others - ends:
        return ""
    said = (
        f"{which} {model.tensors[t].name!r} is {model.tensors[t].dtype}"
        for which, some in (("input", model.inputs), ("output", model.outputs))
        for t in some
        if t in odd
    )
    return f"int8 inside, but {' and '.join(said)}"


def _foreign(model: Model) -> str:
    """An op of another runtime: xcore's and TensorFlow's are custom ops in TensorFlow Lite Micro."""
    if not any(t.dtype == _INT8 for _, t in _read(model)):
        return ""
    op = next((op for op in model.ops if op.custom and not op.custom.startswith(_CUSTOM)), None)
    return f"{_where(op)}custom op {op.custom!r} is not of TensorFlow Lite Micro" if op else ""


def _legacy(model: Model) -> str:
    activations = [(op, t) for op, t in _read(model) if t.data is None]
    found = next(((op, t) for op, t in activations if t.dtype == "UINT8" and t.scale.size), None)
    if found is None or any(t.dtype == _INT8 for _, t in activations):
        return ""
    return f"{_where(found[0])}tensor {found[1].name!r} is UINT8: a legacy uint8 model"


def _float(model: Model) -> str:
    """What of a model computes in float: all of it, weights apart, or some ops between quantized ones."""
    found = next(((op, t) for op, t in _read(model) if t.dtype.startswith("FLOAT") and t.data is None), None)
    if found is None:
        return ""
    op, tensor = next(
        ((op, t) for op, t in _read(model) if t.dtype.startswith("FLOAT") and t.data is None and op.kind not in _RIM),
        found,
    )
    activations = [t for _, t in _read(model) if t.data is None]
    weights = {t.dtype for t in model.tensors if t.data is not None}
    if any(t.dtype == _INT8 for t in activations):
        later = any(t.dtype == _INT8 for o, t in _read(model) if o.index > op.index and t.data is None)
        kind = f"a model with float ops {'between' if later else 'behind'} int8 ones"
    elif _INT8 in weights:
        kind = "a dynamic-range model"
    elif "FLOAT16" in weights:
        kind = "a float16 model"
    else:
        kind = "a float model"
    return f"{_where(op)}tensor {tensor.name!r} is {tensor.dtype}: {kind}"


_CAUSES: tuple[tuple[Cause, str], ...] = (
    (
        _custom("edgetpu-custom-op", "compiled for a Coral Edge TPU, its layers are an executable"),
        "give the int8 .tflite that edgetpu_compiler read: inspect, edit and run that one",
    ),
    (_foreign, "give the .tflite that was compiled for that runtime, or leave the op out and convert the model again"),
    (_scale, f"its calibration saw no finite values there: with representative data that reaches it, {QUANTIZE}"),
    (_rims, _ENDS),
    (_legacy, f"int8 has taken its place; of the float model: {QUANTIZE}"),
    (_float, _FULL),
)


def _read(model: Model) -> list[tuple[Op, Tensor]]:
    """Ops and their tensors, without those at a rim that is taken as it is."""
    taken = {rim.op for rim in model.rims} | {op.index for op in model.tail_ops}
    return [(op, tensor) for op in model.ops if op.index not in taken for tensor in _tensors(model, op)]


def _tensors(model: Model, op: Op) -> list[Tensor]:
    return [model.tensors[i] for i in (*op.inputs, *op.outputs) if i >= 0]


def _where(op: Op | None) -> str:
    return f"op {op.index} {op.kind}: " if op else ""
