# SPDX-License-Identifier: Apache-2.0
"""Builds small .tflite files tensor by tensor and op by op, without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from mcuedit.model.flatbuffer import set_options
from mcuedit.model.ops.kinds import KINDS

_OTHERS = {  # of kinds that TensorFlow Lite Micro alone runs
    "ARG_MAX": "ArgMaxOptions",
    "ASSIGN_VARIABLE": "AssignVariableOptions",
    "READ_VARIABLE": "ReadVariableOptions",
    "SVDF": "SVDFOptions",
    "VAR_HANDLE": "VarHandleOptions",
}


class NetBuilder:
    """A model of one subgraph under construction.

    Args:
        dtype: of the activations, TFLite's name.
    """

    def __init__(self, dtype: str = "INT8", description: str = "tiny") -> None:
        self._dtype = dtype
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.description = description
        self._model.buffers = [schema.BufferT()]
        self._model.operatorCodes = []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._called: list[Any] = []

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        scale: float,
        zero: int,
        *,
        dtype: str = "",
        variable: bool = False,
    ) -> int:
        """Adds an activation and returns its index; `dtype` where it is not the model's."""
        index = self._tensor(name, shape, dtype or self._dtype, [scale], [zero], 0)
        self._graph.tensors[index].isVariable = variable
        return index

    def constant(self, name: str, values: npt.NDArray[Any], scales: Any = None, *, zero: int = 0, axis: int = 0) -> int:
        """Adds a constant of the array's shape and type and returns its index.

        Args:
            scales: real values of a step, one or one for each index of `axis`; None where not quantized.
        """
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        listed = [] if scales is None else [float(s) for s in np.ravel(scales)]
        place = len(self._model.buffers) - 1
        index = self._tensor(name, values.shape, values.dtype.name.upper(), listed, [zero] * len(listed), place)
        if listed:
            self._graph.tensors[index].quantization.quantizedDimension = axis
        return index

    def _tensor(
        self, name: str, shape: Sequence[int], dtype: str, scale: list[float], zero: list[int], buffer: int
    ) -> int:
        t = schema.TensorT()
        t.name, t.shape, t.buffer = name.encode(), [int(n) for n in shape], buffer
        t.type = getattr(schema.TensorType, dtype)
        t.quantization = schema.QuantizationParametersT()
        if scale and dtype != "FLOAT32":
            t.quantization.scale, t.quantization.zeroPoint = scale, zero
        self._graph.tensors.append(t)
        return len(self._graph.tensors) - 1

    def op(self, kind: str, inputs: Sequence[int], output: int | Sequence[int], **options: Any) -> None:
        """Adds an op.

        Args:
            kind: TFLite's builtin name.
            inputs: tensor indices, -1 for an omitted one.
            output: tensor index, or several.
            options: builtin options by their schema names; the others stay at the schema's defaults.
        """
        code = getattr(schema.BuiltinOperator, kind)
        known = [c.builtinCode for c in self._model.operatorCodes]
        if code not in known:
            entry = schema.OperatorCodeT()
            entry.builtinCode, entry.deprecatedBuiltinCode = code, min(code, 127)
            entry.version = 4 if kind == "FULLY_CONNECTED" else 1
            self._model.operatorCodes.append(entry)
            known.append(code)
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = (
            known.index(code),
            list(inputs),
            [output] if isinstance(output, int) else list(output),
        )
        set_options(schema, op, KINDS[kind].options if kind in KINDS else _OTHERS.get(kind), options)
        self._graph.operators.append(op)

    def call_once(self, variable: bytes, values: npt.NDArray[Any], scale: float, zero: int) -> None:
        """Adds a CALL_ONCE whose graph assigns a constant to the resource variable of that name."""
        self.op("CALL_ONCE", [], [], initSubgraphIndex=1 + len(self._called))
        outer, self._graph = self._graph, schema.SubGraphT()
        self._graph.tensors, self._graph.operators, self._graph.inputs, self._graph.outputs = [], [], [], []
        handle = self.tensor("handle", (), 1.0, 0, dtype="RESOURCE")
        self.op("VAR_HANDLE", [], handle, container=b"", sharedName=variable)
        self.op("ASSIGN_VARIABLE", [handle, self.constant("first", values, [scale], zero=zero)], [])
        self._called.append(self._graph)
        self._graph = outer

    def pack(self, graph_input: int | Sequence[int], output: int | Sequence[int]) -> bytes:
        """The file's bytes."""
        ends = ([end] if isinstance(end, int) else list(end) for end in (graph_input, output))
        self._graph.inputs, self._graph.outputs = ends
        self._model.subgraphs = [self._graph, *self._called]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
