# SPDX-License-Identifier: Apache-2.0
"""From the tables of a .tflite to a `Model`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.model.rims import Rim, input_rim, output_rim, output_tail
from mcuedit.model.tflite import INT8, Model, Op, Tensor

_COMPRESSED = "COMPRESSION_METADATA"  # TFLM's name of its entry in the metadata
_UNCOMPRESSED = "give the .tflite that was compressed: inspect, edit and run that one, then compress it again"


def convert(schema: Any, root: Any, data: bytes) -> Model:
    """Subgraph 0 of a file, with the ends of its int8 core.

    Args:
        schema: the generated module. root: its object tree of the file. data: the file's bytes.

    Raises:
        McueditError: the file is compressed.
    """
    if any(_text(entry.name) == _COMPRESSED for entry in root.metadata or ()):
        raise McueditError("its weights are compressed for TensorFlow Lite Micro", _UNCOMPRESSED)
    kinds = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
    dtypes = {v: k for k, v in vars(schema.TensorType).items() if not k.startswith("_")}
    graph = root.subgraphs[0]
    tensors = tuple(_tensor(i, t, root.buffers, dtypes) for i, t in enumerate(graph.tensors))
    ops = []
    for i, op in enumerate(graph.operators):
        code = root.operatorCodes[op.opcodeIndex]
        builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
        options = dict(vars(op.builtinOptions)) if op.builtinOptions is not None else {}
        inputs, outputs = (tuple(int(x) for x in xs) for xs in (op.inputs, op.outputs))
        if any(not -1 <= t < len(tensors) for t in inputs) or any(not 0 <= t < len(tensors) for t in outputs):
            raise IndexError(f"op {i} names a tensor that does not exist")
        custom = (code.customCode or b"").decode("utf-8", "replace")
        ops.append(Op(i, kinds[builtin], inputs, outputs, options, custom))
    inputs, outputs = tuple(map(int, graph.inputs)), tuple(map(int, graph.outputs))
    if any(not 0 <= t < len(tensors) for t in inputs + outputs):
        raise IndexError("the graph names a tensor that does not exist")
    graphs, signatures = len(root.subgraphs), list(root.signatureDefs or ())
    mine = next((signature for signature in signatures if int(signature.subgraphIndex) == 0), None)
    return _cored(
        Model(
            data,
            tensors,
            tuple(ops),
            inputs,
            outputs,
            input_names=_names(tensors, inputs, mine and mine.inputs),
            output_names=_names(tensors, outputs, mine and mine.outputs),
            notes=_notes(graphs, [_text(signature.signatureKey) for signature in signatures], mine),
        )
    )


def set_options(schema: Any, op: Any, table: str | None, options: dict[str, Any]) -> None:
    """Gives a new op its options.

    Args:
        op: an OperatorT. table: the schema's name of its table of options; None for an op that has none.

    Raises:
        AttributeError: the table has no such option.
    """
    if table:
        op.builtinOptionsType = getattr(schema.BuiltinOptions, table)
        op.builtinOptions = getattr(schema, table + "T")()
    for name, value in options.items():
        if not hasattr(op.builtinOptions, name):
            raise AttributeError(f"{table} has no option {name}")
        setattr(op.builtinOptions, name, value)


def _cored(model: Model) -> Model:
    """The model with the ends of its int8 core, where a QUANTIZE or DEQUANTIZE stands between them and the file's."""
    tensors, ops = model.tensors, model.ops
    firsts = tuple(None if tensors[t].dtype == INT8 else input_rim(tensors, ops, t) for t in model.inputs)
    lasts = tuple(None if tensors[t].dtype == INT8 else _last(model, t) for t in model.outputs)
    inputs = tuple(rim.inner.index if rim else t for rim, t in zip(firsts, model.inputs, strict=True))
    outputs = tuple(rim.inner.index if rim else t for rim, t in zip(lasts, model.outputs, strict=True))
    cored = replace(model, inputs=inputs, outputs=outputs, input_rims=firsts, output_rims=lasts)
    tails = tuple(None if rim else output_tail(cored, t) for rim, t in zip(lasts, outputs, strict=True))
    outputs = tuple(tail.inner.index if tail else t for tail, t in zip(tails, outputs, strict=True))
    notes = (
        f"output {name!r}: the core ends before op {tail.first}; {tail.kinds} behind it run in the file alone"
        for name, tail in zip(model.output_names, tails, strict=True)
        if tail is not None
    )
    return replace(cored, outputs=outputs, tails=tails if any(tails) else (), notes=(*model.notes, *notes))


def _last(model: Model, tensor: int) -> Rim | None:
    """The rim before a graph output; none where an int8 core ends earlier, before a tail of 16 bits."""
    rim = output_rim(model.tensors, model.ops, tensor)
    return None if rim and rim.inner.dtype != INT8 and output_tail(model, tensor) else rim


def _names(tensors: tuple[Tensor, ...], ends: tuple[int, ...], listed: Any) -> tuple[str, ...]:
    """Names of graph inputs or outputs, by a signature where it has them."""
    named = {int(entry.tensorIndex): _text(entry.name) for entry in listed or ()}
    return tuple(named.get(t) or tensors[t].name for t in ends)


def _notes(graphs: int, signatures: list[str], mine: Any) -> tuple[str, ...]:
    """What of a file with several subgraphs or signatures is taken."""
    notes = []
    if graphs > 1:
        notes.append(f"subgraph 0 of {graphs} is taken: TensorFlow Lite Micro enters the others from its ops alone")
    if len(signatures) > 1:
        taken = repr(_text(mine.signatureKey)) if mine else "none"
        notes.append(f"of the signatures {', '.join(map(repr, signatures))} {taken} is taken, that of subgraph 0")
    return tuple(notes)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


def _tensor(index: int, raw: Any, buffers: Any, dtypes: dict[int, str]) -> Tensor:
    shape = tuple(int(n) for n in raw.shape) if raw.shape is not None else ()
    signature = tuple(raw.shapeSignature) if raw.shapeSignature is not None else ()
    open_axes = tuple(i for i, n in enumerate(signature) if n < 0)
    if min(shape, default=0) < 0:
        raise ValueError(f"tensor {index} has a length of {min(shape)}; only a signature leaves one open")
    dtype = dtypes[raw.type]
    quant = raw.quantization
    scale = np.asarray(quant.scale if quant and quant.scale is not None else [], np.float32)
    zero = np.asarray(quant.zeroPoint if quant and quant.zeroPoint is not None else [], np.int64)
    if buffers[raw.buffer].data is None and not zero.size:
        scale = scale[:0]  # as TFLM does, which takes an activation without zero point as not quantized
    if zero.size <= 1:
        zero = np.broadcast_to(zero if zero.size else np.int64(0), scale.shape)
    if zero.size != scale.size:
        raise ValueError(f"tensor {index} has {scale.size} scales and {zero.size} zero points")
    if (scale < 0).any():
        raise ValueError(f"tensor {index} has a negative scale")
    buffer = buffers[raw.buffer].data
    constant = None
    if buffer is not None and len(buffer):
        numpy_type = {"INT8": "i1", "UINT8": "u1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FLOAT32": "<f4"}
        constant = np.frombuffer(bytes(buffer), numpy_type.get(dtype, "u1"))
        if dtype in numpy_type and constant.size != math.prod(shape):
            what = f"tensor {_text(raw.name)!r} has {constant.size} elements for the shape {list(shape)}"
            raise ValueError(f"{what}; or its weights are packed for the kernels of another core")
        if dtype in numpy_type:
            constant = constant.reshape(shape)
    axis = int(quant.quantizedDimension) if quant else 0
    name, place, state = (raw.name or b"").decode(), int(raw.buffer), bool(raw.isVariable)
    return Tensor(index, name, shape, dtype, scale, zero, constant, axis, place, state, open_axes)
