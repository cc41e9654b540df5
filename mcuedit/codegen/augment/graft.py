# SPDX-License-Identifier: Apache-2.0
"""Tensors and ops set into a .tflite whose own bytes all stay.

What a flatbuffer's tables point at lies behind them. So the new tables are written before the file, which stands whole
and unchanged at the end: its tensors, buffers and ops are pointed at where they are, at their old alignment. Who cuts
the front off has the file again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from mcuedit._util.errors import McueditError
from mcuedit.model.flatbuffer import set_options
from mcuedit.model.ops.kinds import KINDS
from mcuedit.model.tflite import Model

ALIGN = 16  # of everything in a file that TensorFlow Lite Micro reads in place
_OPTIONS = {"ARG_MAX": "ArgMaxOptions"}  # of kinds that the bare runtime does not have
_VERSIONS = {  # with int8
    "ADD": 2,
    "ARG_MAX": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "GATHER": 5,
    "RESHAPE": 1,
}  # with int8
_LEAST_VERSION = 2
# Places of fields in the tables of the schema, as flatbuffers numbers them.
_DESCRIPTION, _SIGNATURES, _GROUPS, _EXTERNAL = 10, 18, 20, 22
_METADATA_BUFFER = 14
_INPUTS, _OUTPUTS, _NAME = 6, 8, 12


@dataclass(frozen=True)
class Sort:
    """What a new tensor holds: TFLite's name of the type, scales (one, or one for each row) and a zero point."""

    dtype: str = "INT8"
    scale: tuple[float, ...] = ()
    zero: int = 0


@dataclass
class _Added:
    """Ops that come behind one of the file's, and what is changed of that."""

    ops: list[Any] = field(default_factory=list)
    outputs: tuple[int, ...] | None = None
    inputs: tuple[int, ...] | None = None


class Graft:
    """A file under extension.

    Args:
        model: of the file; op and tensor indices below are its own, new tensors follow them.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._tensors: list[Any] = []
        self._sorts: list[Sort] = []
        self._buffers: list[bytes] = []
        self._codes: list[Any] = []
        self._inputs: list[int] = []
        self._shapes: dict[int, tuple[int, ...]] = {t.index: t.shape for t in model.tensors}
        self._added: dict[int, _Added] = {}
        self._root = schema.Model.GetRootAs(model.data, 0)
        self._graph = self._root.Subgraphs(0)
        self.kinds: list[str] = []

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Of any tensor."""
        return self._shapes[tensor]

    def sort(self, tensor: int) -> Sort:
        """Type and quantization of any tensor."""
        if tensor >= len(self.model.tensors):
            return self._sorts[tensor - len(self.model.tensors)]
        found = self.model.tensors[tensor]
        return Sort(found.dtype, tuple(map(float, found.scale)), found.zero if found.scale.size else 0)

    def tensor(self, name: str, shape: Sequence[int], sort: Sort) -> int:
        """A new activation."""
        return self._tensor(name, shape, sort, 0)

    def input(self, name: str, shape: Sequence[int], sort: Sort) -> int:
        """A new input of the graph."""
        index = self._tensor(name, shape, sort, 0)
        self._inputs.append(index)
        return index

    def constant(self, name: str, values: npt.NDArray[Any], sort: Sort | None = None) -> int:
        """A new constant of the array's shape and type."""
        self._buffers.append(values.tobytes())
        kind = values.dtype.name.upper()
        place = self._root.BuffersLength() + len(self._buffers) - 1
        return self._tensor(name, values.shape, sort or Sort(kind), place)

    def op(self, behind: int, kind: str, inputs: Sequence[int], output: int, **options: Any) -> None:
        """A new op, after all that already stand behind op `behind`; -1: before the first one."""
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = self._code(kind), list(inputs), [output]
        set_options(schema, op, KINDS[kind].options if kind in KINDS else _OPTIONS[kind], options)
        self._added.setdefault(behind, _Added()).ops.append(op)
        self.kinds.append(kind)

    def redirect(self, index: int) -> int:
        """Has op `index` write a new tensor in place of its output; returns that tensor, quantized alike.

        Whoever read the output goes on to do so: something new has to write it.
        """
        old = self.model.ops[index].outputs[0]
        found = self.model.tensors[old]
        new = self.tensor(f"{found.name}:base", found.shape, self.sort(old))
        self._added.setdefault(index, _Added()).outputs = (new, *self.model.ops[index].outputs[1:])
        return new

    def rewire(self, index: int, inputs: Sequence[int]) -> None:
        """Has op `index` read other tensors."""
        self._added.setdefault(index, _Added()).inputs = tuple(inputs)

    def _tensor(self, name: str, shape: Sequence[int], sort: Sort, buffer: int) -> int:
        t = schema.TensorT()
        t.name, t.shape, t.buffer = name.encode(), [int(n) for n in shape], buffer
        t.type = getattr(schema.TensorType, sort.dtype)
        if sort.scale:
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale = [float(np.float32(s)) for s in sort.scale]
            t.quantization.zeroPoint = [sort.zero] * len(sort.scale)
        self._tensors.append(t)
        self._sorts.append(sort)
        index = len(self.model.tensors) + len(self._tensors) - 1
        self._shapes[index] = tuple(int(n) for n in shape)
        return index

    def _code(self, kind: str) -> int:
        code = getattr(schema.BuiltinOperator, kind)
        count = self._root.OperatorCodesLength()
        for i in range(count):
            known = self._root.OperatorCodes(i)
            if max(known.BuiltinCode(), known.DeprecatedBuiltinCode()) == code:
                return int(i)
        for i, added in enumerate(self._codes):
            if added.builtinCode == code:
                return int(count) + i
        entry = schema.OperatorCodeT()
        entry.builtinCode, entry.deprecatedBuiltinCode = code, min(code, 127)
        entry.version = _VERSIONS.get(kind, _LEAST_VERSION)
        self._codes.append(entry)
        return int(count) + len(self._codes) - 1

    def pack(self, metadata: dict[str, bytes]) -> bytes:
        """The file's bytes, with entries added to its metadata."""
        root, data = self._root, self.model.data
        stored = data + bytes(-len(data) % ALIGN)
        builder = flatbuffers.Builder(len(stored) + 4096)
        builder.Prep(ALIGN, 0)
        builder.CreateByteVector(stored)

        def at(position: int) -> int:
            """What the builder calls a place of the old file."""
            return len(stored) - position

        def listed(old: Sequence[Any], new: Sequence[Any]) -> int:
            """A vector of tables: old ones where they are, then new ones."""
            offsets = [at(table._tab.Pos) for table in old] + [table.Pack(builder) for table in new]
            return _vector(builder, offsets)

        buffers = list(self._buffers)
        first = root.BuffersLength() + len(buffers)
        entries = []
        for i, (name, value) in enumerate(metadata.items()):
            entry = schema.MetadataT()
            buffers.append(value)
            entry.name, entry.buffer = name.encode(), first + i
            entries.append(entry)
        old = [at(root.Buffers(i)._tab.Pos) for i in range(root.BuffersLength())]
        made = {
            "Buffers": _vector(builder, old + [_buffer(builder, data) for data in buffers]),
            "OperatorCodes": listed([root.OperatorCodes(i) for i in range(root.OperatorCodesLength())], self._codes),
            "Metadata": listed([root.Metadata(i) for i in range(root.MetadataLength())], entries),
            "Subgraphs": self._subgraphs(builder, at),
        }
        if self._inputs and root.SignatureDefsLength():
            made["SignatureDefs"] = self._signatures(builder, at)
        kept = {"Description": _DESCRIPTION, "MetadataBuffer": _METADATA_BUFFER, "SignatureDefs": _SIGNATURES}
        kept |= {"ExternalBufferGroups": _GROUPS, "ExternalBuffers": _EXTERNAL}
        schema.ModelStart(builder)
        schema.ModelAddVersion(builder, root.Version())
        for name, slot in kept.items():
            place = _place(root, slot)
            if place is not None and name not in made:
                made[name] = at(place)
        for name, offset in made.items():
            getattr(schema, f"ModelAdd{name}")(builder, offset)
        builder.Finish(schema.ModelEnd(builder), b"TFL3")
        packed = bytes(builder.Output())
        front = len(packed) - len(stored)
        if front % ALIGN or packed[front:] != stored:  # the builder's alignment is what keeps the old file's
            raise McueditError("the file could not be extended in place", "report it, with the file")
        return packed

    def _subgraphs(self, builder: Any, at: Any) -> int:
        root, graph = self._root, self._graph
        tensors = [at(graph.Tensors(i)._tab.Pos) for i in range(graph.TensorsLength())]
        tensors += [t.Pack(builder) for t in self._tensors]
        operators = [op.Pack(builder) for op in self._added.get(-1, _Added()).ops]
        for i in range(graph.OperatorsLength()):
            added = self._added.get(i, _Added())
            if added.outputs is None and added.inputs is None:
                operators.append(at(graph.Operators(i)._tab.Pos))
            else:
                op = schema.OperatorT.InitFromObj(graph.Operators(i))
                op.outputs = list(added.outputs) if added.outputs is not None else op.outputs
                op.inputs = list(added.inputs) if added.inputs is not None else op.inputs
                operators.append(op.Pack(builder))
            operators += [op.Pack(builder) for op in added.ops]
        tensors_at, operators_at = _vector(builder, tensors), _vector(builder, operators)
        inputs_at = at(_place(graph, _INPUTS)) if not self._inputs else self._all_inputs(builder)
        schema.SubGraphStart(builder)
        schema.SubGraphAddTensors(builder, tensors_at)
        schema.SubGraphAddOperators(builder, operators_at)
        schema.SubGraphAddInputs(builder, inputs_at)
        schema.SubGraphAddOutputs(builder, at(_place(graph, _OUTPUTS)))
        if (name := _place(graph, _NAME)) is not None:
            schema.SubGraphAddName(builder, at(name))
        schema.SubGraphAddDebugMetadataIndex(builder, graph.DebugMetadataIndex())
        first = schema.SubGraphEnd(builder)
        return _vector(builder, [first, *(at(root.Subgraphs(i)._tab.Pos) for i in range(1, root.SubgraphsLength()))])

    def _all_inputs(self, builder: Any) -> int:
        graph = self._graph
        listed = [graph.Inputs(i) for i in range(graph.InputsLength())] + self._inputs
        return int(builder.CreateNumpyVector(np.array(listed, np.int32)))

    def _signatures(self, builder: Any, at: Any) -> int:
        """Signatures of the file; that of subgraph 0 has the new inputs, too."""
        names = {index: t.name for index, t in enumerate(self._tensors, len(self.model.tensors))}
        made = []
        for i in range(self._root.SignatureDefsLength()):
            signature = self._root.SignatureDefs(i)
            if signature.SubgraphIndex():
                made.append(at(signature._tab.Pos))
                continue
            whole = schema.SignatureDefT.InitFromObj(signature)
            for index in self._inputs:
                entry = schema.TensorMapT()
                entry.name, entry.tensorIndex = names[index], index
                whole.inputs.append(entry)
            made.append(whole.Pack(builder))
        return _vector(builder, made)


def _buffer(builder: Any, data: bytes) -> int:
    builder.Prep(ALIGN, len(data))
    place = builder.CreateByteVector(data)
    schema.BufferStart(builder)
    schema.BufferAddData(builder, place)
    return int(schema.BufferEnd(builder))


def _vector(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _place(table: Any, slot: int) -> int | None:
    """Where what a field points at stands in the file; None where the field is not there."""
    offset = table._tab.Offset(slot)
    return int(table._tab.Indirect(table._tab.Pos + offset)) if offset else None
