# SPDX-License-Identifier: Apache-2.0
"""A read-only view of an int8 .tflite."""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, IntArray
from mcuedit.model.causes import QUANTIZE, refusal

INT8, INT32 = "INT8", "INT32"
_SHAPE_KINDS = ("PACK", "SHAPE", "STRIDED_SLICE")  # they end in the shape operand of a RESHAPE, which is known
_STATEFUL_KINDS = ("ASSIGN_VARIABLE", "CALL_ONCE", "CUSTOM", "READ_VARIABLE", "VAR_HANDLE")  # custom: may be
BASE_ID_SIZE = 8  # bytes of the SHA-256 that identify a base on the device


@dataclass(frozen=True)
class Tensor:
    """One tensor of the subgraph.

    Attributes:
        shape: the batch is 1 where the file leaves it open in the signature.
        dtype: TFLite's name, "INT8", "INT32", ...
        scale: float32[1] or float32[channels]; empty when not quantized.
        zero_point: int64, as many as scales.
        data: the constant, shaped and typed; None for an activation.
        axis: the quantized dimension when there are several scales.
        buffer: index of the file's buffer that holds the constant; tensors may share one.
        variable: whether it is state that lasts from one inference to the next.
        open_axes: axes whose length the file leaves open.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: FloatArray
    zero_point: IntArray
    data: npt.NDArray[Any] | None
    axis: int = 0
    buffer: int = 0
    variable: bool = False
    open_axes: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def zero(self) -> int:
        """The zero point of a per-tensor quantized tensor."""
        return int(self.zero_point[0])


@dataclass(frozen=True)
class Op:
    """One operator: `kind` is TFLite's builtin name, `options` its builtin options by their schema names.

    `custom` is the name of an op of kind CUSTOM.
    """

    index: int
    kind: str
    inputs: tuple[int, ...]  # tensor indices; -1 for an omitted optional one
    outputs: tuple[int, ...]
    options: dict[str, Any]
    custom: str = ""


@dataclass(frozen=True)
class Model:
    """Subgraph 0 of a .tflite whose graph input and output are int8.

    Attributes:
        data: the file's bytes; never modified.
        float_scales: kinds of ops whose ratios of scales are taken in float32, as some versions of TFLM do, and not in
            double, as the pinned `tflite_micro` runtime does (SPEC.md, section 1).
    """

    data: bytes
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    float_scales: frozenset[str] = frozenset()

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the file: the base's identity."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def base_id(self) -> bytes:
        """The part of the identity that a device adapter carries (SPEC.md, section 3)."""
        return bytes.fromhex(self.sha256)[:BASE_ID_SIZE]

    @property
    def input(self) -> Tensor:
        """The only graph input."""
        return self.tensors[self.inputs[0]]

    @property
    def output(self) -> Tensor:
        """The only graph output."""
        return self.tensors[self.outputs[0]]

    def sources(self, op: Op) -> tuple[int, ...]:
        """The op's activation inputs, in its order: neither constant, nor omitted, nor a shape."""
        return tuple(i for i in op.inputs if i >= 0 and self.tensors[i].data is None and self.tensors[i].dtype != INT32)

    def computes_shape(self, op: Op) -> bool:
        """Whether the op only computes a shape, as a converter's Flatten over an open batch does."""
        return op.kind in _SHAPE_KINDS and all(self.tensors[i].dtype == INT32 for i in op.outputs)

    @property
    def stateful(self) -> bool:
        """Whether an inference depends on the ones before it."""
        return any(t.variable for t in self.tensors) or any(op.kind in _STATEFUL_KINDS for op in self.ops)

    def shares_weights(self, op: Op) -> bool:
        """Whether another op reads the buffer that holds this one's weights."""
        own = self.tensors[op.inputs[1]].buffer
        readers = {o.index for o in self.ops for i in o.inputs if i >= 0 and self.tensors[i].buffer == own}
        return own > 0 and readers != {op.index}

    def op_tensors(self, op: Op) -> tuple[list[Tensor | None], list[Tensor]]:
        """Input tensors (None where omitted) and output tensors of an op."""
        return [self.tensors[i] if i >= 0 else None for i in op.inputs], [self.tensors[i] for i in op.outputs]


def load(path: str | Path) -> Model:
    """Reads a .tflite file.

    Raises:
        McueditError: the file is missing, no .tflite, truncated, or not int8 throughout.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", "give a .tflite file") from error
    return parse(data, str(path))


def parse(data: bytes, name: str = "model") -> Model:
    """Parses the bytes of a .tflite; `name` stands in error messages."""
    if data[:4] == b"\x7fELF":
        raise McueditError(
            f"{name}: an ELF file, no .tflite", "run takes the base itself and builds the firmware; flash writes an ELF"
        )
    if data[4:8] != b"TFL3":
        raise McueditError(f"{name}: not a .tflite file", "give the int8 .tflite that is deployed")
    from ai_edge_litert import schema_py_generated as schema

    try:
        root = schema.ModelT.InitFromPackedBuf(data, 0)
        model = _convert(schema, root, data)
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, KeyError) as error:
        raise McueditError(
            f"{name}: truncated or damaged .tflite ({error})", "copy the file again from its source"
        ) from error
    _require_int8(model, name)
    return model


def _convert(schema: Any, root: Any, data: bytes) -> Model:
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
    return Model(data, tensors, tuple(ops), inputs, outputs)


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
        if dtype in numpy_type:
            constant = constant.reshape(shape)
    axis = int(quant.quantizedDimension) if quant else 0
    name, place, state = (raw.name or b"").decode(), int(raw.buffer), bool(raw.isVariable)
    return Tensor(index, name, shape, dtype, scale, zero, constant, axis, place, state, open_axes)


def _require_int8(model: Model, name: str) -> None:
    if why := refusal(model):
        raise McueditError(f"{name}: {why[0]}", why[1])
    hint = f"make an int8 one of what it was converted from: {QUANTIZE}"
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        count = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise McueditError(f"{name}: {count}", "one of each is needed")
    for op in model.ops:
        inputs, outputs = model.op_tensors(op)
        for tensor in (*inputs, *outputs):
            if tensor is not None:
                _require_fixed(tensor, f"{name}: op {op.index} {op.kind}")
    for which, tensor in ("input", model.input), ("output", model.output):
        if tensor.dtype != INT8 or not tensor.scale.size == tensor.zero_point.size == 1:
            ends = [op for op in model.ops if tensor.index in (op.inputs if which == "input" else op.outputs)]
            where = f"op {ends[0].index} {ends[0].kind}: " if ends else ""
            raise McueditError(f"{name}: {where}{which} {tensor.name!r} is {tensor.dtype}, not quantized int8", hint)


def _require_fixed(tensor: Tensor, where: str) -> None:
    """Raises where a tensor has other lengths than the batch open."""
    if tensor.open_axes not in ((), (0,)):
        raise McueditError(
            f"{where}: tensor {tensor.name!r} leaves axes {list(tensor.open_axes)} open, only the batch may be",
            f"give the network an input of fixed shape, then {QUANTIZE}",
        )
