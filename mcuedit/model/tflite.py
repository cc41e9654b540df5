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

import numpy.typing as npt

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, IntArray
from mcuedit.model.rims import Rim, Tail

INT8, INT16, INT32, INT64 = "INT8", "INT16", "INT32", "INT64"
_WHOLE = (INT32, "INT64")  # types that shapes are computed in
_STATEFUL_KINDS = ("ASSIGN_VARIABLE", "CALL_ONCE", "CUSTOM", "READ_VARIABLE", "VAR_HANDLE")  # custom: may be
ETHOS_U = "ethos-u"  # the custom op that Vela makes of what an accelerator runs
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
    def nbytes(self) -> int:
        """Bytes of an activation."""
        return self.size * (2 if self.dtype == INT16 else 1)

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

    @property
    def is_accelerator(self) -> bool:
        """Whether an accelerator runs it, which reads and overwrites memory as it likes."""
        return self.custom == ETHOS_U


@dataclass(frozen=True)
class Model:
    """The int8 core of subgraph 0 of a .tflite, with what stands at its rim.

    Several inputs are one row of bytes, one input after the other in the file's order; so are several outputs, and what
    has 16 bits at an end of the core: its elements are two bytes each, the lower one first.

    Attributes:
        data: the file's bytes; never modified.
        ops: of the file, those at the rim and those that compute shapes among them: an index is the file's.
        inputs, outputs: int8 or int16 tensors where the core begins and ends.
        input_rims, output_rims: what the file has instead there, one for each; None: the tensor itself.
        tails: what the file computes of an output of the core where that is more than one op; None: nothing.
        input_names, output_names: of the signature, else of the file's tensors.
        chosen: position of the output that edits are about; None: the only one that is a classifier's.
        notes: what of the file is not taken.
        source: what the file was compiled from for an accelerator, where that is known.
        served: ops at which generated code serves deltas beside all that have weights; outputs of these can be taps.
        float_scales: kinds of ops whose ratios of scales are taken in float32, as some versions of TFLM do, and not in
            double, as the pinned `tflite_micro` runtime does (SPEC.md, section 1).
    """

    data: bytes
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    float_scales: frozenset[str] = frozenset()
    input_rims: tuple[Rim | None, ...] = ()
    output_rims: tuple[Rim | None, ...] = ()
    tails: tuple[Tail | None, ...] = ()
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    chosen: int | None = None
    notes: tuple[str, ...] = ()
    served: frozenset[int] = frozenset()
    source: Model | None = None

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
        """The first input of the core, mostly the only one."""
        return self.tensors[self.inputs[0]]

    @property
    def output(self) -> Tensor:
        """The output that edits are about, mostly the only one."""
        return self.tensors[self.outputs[self.answering]]

    @cached_property
    def answering(self) -> int:
        """Position of that output: the chosen one, the only one that is a classifier's, or the first."""
        if self.chosen is not None:
            return self.chosen
        found = self.classifiers
        return found[0] if len(found) == 1 else 0

    @property
    def classes(self) -> int:
        """How many classes there may be: of the chosen output, of the largest if nobody chose among several."""
        if self.chosen is not None:
            return self.output.size
        return max(self.tensors[t].size for t in self.outputs)

    @property
    def output_name(self) -> str:
        """Name of that output, by which it is chosen again; empty where it is the only one."""
        if len(self.outputs) == 1:
            return ""
        name = self.output_names[self.answering]
        return name if self.output_names.count(name) == 1 else str(self.answering)

    @cached_property
    def classifiers(self) -> tuple[int, ...]:
        """Positions of outputs that are like a classifier's: a row of several scores."""
        shapes = [self.tensors[t].shape for t in self.outputs]
        return tuple(i for i, shape in enumerate(shapes) if shape and shape[-1] == math.prod(shape) > 1)

    @cached_property
    def input_size(self) -> int:
        """Bytes of all inputs."""
        return sum(self.tensors[t].nbytes for t in self.inputs)

    @cached_property
    def output_size(self) -> int:
        """Bytes of all outputs."""
        return sum(self.tensors[t].nbytes for t in self.outputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one inference, the batch apart: of the only input, or the bytes of several, or of one of 16 bits."""
        return self.input.shape[1:] if self.plain_input else (self.input_size,)

    @property
    def plain_input(self) -> bool:
        """Whether a row of bytes is the only input, one element each."""
        return len(self.inputs) == 1 and self.input.dtype == INT8

    @cached_property
    def rims(self) -> tuple[Rim, ...]:
        """All that the file has at its rim."""
        return tuple(rim for rim in (*self.input_rims, *self.output_rims) if rim is not None)

    @property
    def file_inputs(self) -> tuple[int, ...]:
        """The file's own inputs, those at the rim among them."""
        return tuple(rim.outer.index if rim else t for t, rim in zip(self.inputs, self.input_rims, strict=True))

    @property
    def file_outputs(self) -> tuple[int, ...]:
        """The file's own outputs, those at the rim among them."""
        behind = (self.behind(i) for i in range(len(self.outputs)))
        return tuple(end.outer.index if end else t for t, end in zip(self.outputs, behind, strict=True))

    def behind(self, position: int) -> Rim | Tail | None:
        """What the file has behind an output of the core."""
        return self.output_rim(position) or (self.tails[position] if self.tails else None)

    def input_rim(self, position: int = 0) -> Rim | None:
        """What the file has in place of an input."""
        return self.input_rims[position] if self.input_rims else None

    def output_rim(self, position: int = 0) -> Rim | None:
        """What the file has in place of an output."""
        return self.output_rims[position] if self.output_rims else None

    def sources(self, op: Op) -> tuple[int, ...]:
        """The op's activation inputs, in its order: neither constant, nor omitted, nor a shape, nor state."""
        given = (i for i in op.inputs if i >= 0 and self.tensors[i].data is None and not self.tensors[i].variable)
        return tuple(i for i in given if self.tensors[i].dtype not in (INT32, "RESOURCE"))

    def is_core(self, op: Op) -> bool:
        """Whether the op computes with activations of the core: it neither computes a shape nor stands at the rim."""
        return op.index not in self._beside

    @cached_property
    def _beside(self) -> set[int]:
        """Ops that are not the core's."""
        tails = {op.index for op in self.tail_ops}
        return tails.union(rim.op for rim in self.rims) | {op.index for op in self.ops if self.computes_shape(op)}

    @cached_property
    def tail_ops(self) -> tuple[Op, ...]:
        """Ops of all tails."""
        return tuple(op for tail in self.tails if tail is not None for op in tail.ops)

    def computes_shape(self, op: Op) -> bool:
        """Whether the op only computes a shape, as a converter's Flatten over an open batch does."""
        return op.index in self._shape_ops

    @cached_property
    def _shape_ops(self) -> frozenset[int]:
        """Ops whose output is known without any activation: SHAPE, and what is computed of it in whole numbers."""
        known = {t.index for t in self.tensors if t.data is not None} | {-1}
        found = set()
        for op in self.ops:
            whole = op.outputs and all(self.tensors[t].dtype in _WHOLE for t in op.outputs)
            stateless = op.kind not in _STATEFUL_KINDS
            if whole and stateless and op.inputs and (op.kind == "SHAPE" or known.issuperset(op.inputs)):
                known.update(op.outputs)
                found.add(op.index)
        return frozenset(found)

    @property
    def is_compiled(self) -> bool:
        """Whether an accelerator runs some of it."""
        return any(op.is_accelerator for op in self.ops)

    @property
    def stateful(self) -> bool:
        """Whether an inference depends on the ones before it."""
        if self.source is not None:
            return self.source.stateful
        unknown = any(op.kind in _STATEFUL_KINDS and not op.is_accelerator for op in self.ops)
        return unknown or any(t.variable for t in self.tensors)

    def keeps_state(self, op: Op) -> bool:
        """Whether the op keeps something of its input for later inferences."""
        return op.kind == "ASSIGN_VARIABLE" or any(i >= 0 and self.tensors[i].variable for i in op.inputs)

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
    return parse(bounded.read(path, bounded.MODEL, "give a .tflite file"), str(path))


def parse(data: bytes, name: str = "model") -> Model:
    """Parses the bytes of a .tflite; `name` stands in error messages."""
    if data[:4] == b"\x7fELF":
        raise McueditError(
            f"{name}: an ELF file, no .tflite", "run takes the base itself and builds the firmware; flash writes an ELF"
        )
    if data[4:8] != b"TFL3":
        raise McueditError(f"{name}: not a .tflite file", "give the int8 .tflite that is deployed")
    from ai_edge_litert import schema_py_generated as schema

    from mcuedit.model.causes import require
    from mcuedit.model.flatbuffer import convert

    try:
        root = schema.ModelT.InitFromPackedBuf(data, 0)
        model = convert(schema, root, data)
    except McueditError as error:
        raise McueditError(f"{name}: {error.message}", error.hint) from error
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, KeyError) as error:
        raise McueditError(
            f"{name}: truncated or damaged .tflite ({error})", "copy the file again from its source"
        ) from error
    require(model, name)
    return model
