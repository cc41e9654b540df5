# SPDX-License-Identifier: Apache-2.0
"""The kinds that take 16-bit activations: a record each, beside that of int8.

What only moves bytes has one reference for both; of all others arithmetic and kernel are their own.
"""

from __future__ import annotations

from dataclasses import replace

from mcuedit.model.ops.kinds import KINDS, Kind
from mcuedit.model.tflite import INT16, Model, Op

_OPS, _LOWER = "mcuedit.model.ops.int16.", "mcuedit.codegen.ops.int16."


def _moved(kind: str) -> Kind:
    """A kind that takes elements of any size."""
    return KINDS[kind]


def _own(kind: str, reference: str, lowering: str) -> Kind:
    """A kind whose int16 arithmetic is its own."""
    return replace(KINDS[kind], reference=_OPS + reference, lowering=_LOWER + lowering)


def _element(kind: str, reference: str) -> Kind:
    """A kind of one operand whose every element becomes one."""
    return _own(kind, f"elementwise:{reference}", "elementwise:lower")


def _binary(kind: str, reference: str) -> Kind:
    return _own(kind, f"binary:{reference}", "binary:lower")


def _pool(kind: str) -> Kind:
    return replace(KINDS[kind], lowering=f"{_LOWER}windowed:pool")


WIDE: dict[str, Kind] = {
    "ABS": _element("ABS", "Absolute"),
    "ADD": _binary("ADD", "Sum"),
    "ASSIGN_VARIABLE": _moved("ASSIGN_VARIABLE"),
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "BATCH_MATMUL": _own("BATCH_MATMUL", "products:BatchMatmul", "products:batch_matmul"),
    "CONCATENATION": _moved("CONCATENATION"),
    "CONV_2D": _own("CONV_2D", "weighted:Conv", "windowed:conv"),
    "DEPTHWISE_CONV_2D": _own("DEPTHWISE_CONV_2D", "weighted:Depthwise", "windowed:depthwise"),
    "EXPAND_DIMS": _moved("EXPAND_DIMS"),
    "FULLY_CONNECTED": _own("FULLY_CONNECTED", "weighted:FullyConnected", "weighted:fully_connected"),
    "LEAKY_RELU": _element("LEAKY_RELU", "LeakyRelu"),
    "LOGISTIC": _element("LOGISTIC", "Logistic"),
    "MAXIMUM": _binary("MAXIMUM", "Extreme"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "MEAN": _own("MEAN", "reductions:Sum", "reductions:lower"),
    "MINIMUM": _binary("MINIMUM", "Extreme"),
    "MUL": _binary("MUL", "Mul"),
    "PACK": _moved("PACK"),
    "PAD": _moved("PAD"),
    "PADV2": _moved("PADV2"),
    "PRELU": _binary("PRELU", "Prelu"),
    "QUANTIZE": _element("QUANTIZE", "Rescale"),
    "READ_VARIABLE": _moved("READ_VARIABLE"),
    "RELU": _element("RELU", "Rescale"),
    "RELU6": _element("RELU6", "Relu6"),
    "RESHAPE": _moved("RESHAPE"),
    "RESIZE_NEAREST_NEIGHBOR": _moved("RESIZE_NEAREST_NEIGHBOR"),
    "RSQRT": _element("RSQRT", "Rsqrt"),
    "SLICE": _moved("SLICE"),
    "SOFTMAX": _own("SOFTMAX", "softmax:Softmax", "softmax:lower"),
    "SPLIT": _moved("SPLIT"),
    "SPLIT_V": _moved("SPLIT_V"),
    "SQUARED_DIFFERENCE": _binary("SQUARED_DIFFERENCE", "SquaredDifference"),
    "SQUEEZE": _moved("SQUEEZE"),
    "STRIDED_SLICE": _moved("STRIDED_SLICE"),
    "SUB": _binary("SUB", "Sum"),
    "SUM": _own("SUM", "reductions:Sum", "reductions:lower"),
    "TANH": _element("TANH", "Tanh"),
    "TRANSPOSE": _moved("TRANSPOSE"),
    "TRANSPOSE_CONV": _own("TRANSPOSE_CONV", "products:TransposeConv", "products:transpose_conv"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _own("UNIDIRECTIONAL_SEQUENCE_LSTM", "recurrent:Lstm", "recurrent:lstm"),
    "UNPACK": _moved("UNPACK"),
}


def wide(model: Model, op: Op) -> bool:
    """Whether an activation of the op, what it keeps apart, has 16 bits."""
    kept = (t for t in (*op.inputs, *op.outputs) if t >= 0 and not model.tensors[t].variable)
    return any(model.tensors[t].dtype == INT16 and model.tensors[t].data is None for t in kept)


def record(model: Model, op: Op) -> Kind | None:
    """The record of an op, by its kind and the type of its activations; None: the bare runtime has no such op."""
    return (WIDE if wide(model, op) else KINDS).get(op.kind)
