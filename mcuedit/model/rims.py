# SPDX-License-Identifier: Apache-2.0
"""Ends of a model that are of another type than its core: QUANTIZE and DEQUANTIZE at the rim, as TFLM does them.

SPEC.md, section 1 has the arithmetic. Behind an output there may be more than one op, such as DEQUANTIZE and a float
SOFTMAX: a tail. What such an op gives depends on the mathematical library that it is compiled with. So the core ends
before it: there bytes are exact, and whatever the file makes of them is the same where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, Int8Array
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier

if TYPE_CHECKING:
    from mcuedit.model.tflite import Model, Op, Tensor

Outer = npt.NDArray[Any]  # values of the rim's type

TYPES = {"FLOAT32": np.float32, "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32}
CORE: dict[str, type[Any]] = {"INT8": np.int8, "INT16": np.int16}  # of the core's activations
_MOST_RATIO = 1 << 30
_TAILS = ("ARG_MAX", "CAST", "DEQUANTIZE", "LOGISTIC", "LOG_SOFTMAX", "QUANTIZE", "RESHAPE", "SOFTMAX", "SQUEEZE")


@dataclass(frozen=True)
class Rim:
    """One end. What the file takes or gives is `outer`; `inner` is the tensor of the core, int8 mostly.

    Attributes:
        op: index of the QUANTIZE or DEQUANTIZE between them.
        is_input: whether it stands before the core.
    """

    op: int
    outer: Tensor
    inner: Tensor
    is_input: bool = True

    @property
    def first(self) -> int:
        """Index of that op, the first one beyond the core."""
        return self.op

    @property
    def dtype(self) -> type[Any]:
        """numpy's type of what the file takes or gives."""
        return TYPES[self.outer.dtype]

    @property
    def core(self) -> type[Any]:
        """numpy's type of the core's tensor."""
        return CORE[self.inner.dtype]

    @property
    def every(self) -> Int8Array:
        """All values of the core's type, the least first."""
        info = np.iinfo(self.core)
        return np.arange(info.min, info.max + 1).astype(self.core)

    def _at(self, x: Int8Array) -> npt.NDArray[np.int64]:
        """Where values stand in `every`."""
        return np.asarray(x, np.int64) - int(np.iinfo(self.core).min)

    def quantize(self, values: Outer) -> Int8Array:
        """What the core gets of values of the rim's type: float32 rounds halves away from zero."""
        scale, zero = self.inner.scale[0], self.inner.zero
        info = np.iinfo(self.core)
        if self.outer.dtype == "FLOAT32":
            with np.errstate(over="ignore"):
                steps = (np.asarray(values, np.float32) / scale).astype(np.float64)
            whole = np.sign(steps) * np.floor(np.abs(steps) + 0.5) + zero
            return np.asarray(np.clip(np.nan_to_num(whole, nan=info.min), info.min, info.max), self.core)
        ratio = float(self.outer.scale[0]) / float(scale)
        wide = np.asarray(values, np.int64) - self.outer.zero
        return np.clip(mbqm(wide, *quantize_multiplier(ratio)) + zero, info.min, info.max).astype(self.core)

    def dequantize(self, x: Int8Array) -> Outer:
        """What the file gives of int8 values of the core."""
        scale, zero = self.inner.scale[0], self.inner.zero
        wide = np.asarray(x, np.int64) - zero
        if self.outer.dtype == "FLOAT32":
            with np.errstate(over="ignore"):
                return (float(scale) * wide).astype(np.float32)
        info = np.iinfo(self.dtype)
        ratio = float(scale) / float(self.outer.scale[0])
        found = mbqm(wide, *quantize_multiplier(ratio)) + self.outer.zero
        return np.clip(found, info.min, info.max).astype(self.dtype)

    def taken(self, x: Int8Array) -> Outer:
        """Values of the rim's type that `quantize` makes these int8 values of.

        Raises:
            McueditError: there is none for one of them.
        """
        at = self._at(x)
        missing = ~self._inverse[1][at]
        if missing.any():
            q = int(np.asarray(x)[missing].ravel()[0])
            raise McueditError(
                f"op {self.op} QUANTIZE: no {self.outer.dtype} value of input {self.outer.name!r} becomes {q}",
                f"give inputs as {self.outer.dtype}: they are quantized as the op does it",
            )
        return np.asarray(self._inverse[0][at])

    def nearest(self, values: Outer) -> Int8Array:
        """Of an output: int8 values of the core that come nearest to values of the rim's type."""
        made = self.dequantize(self.every).astype(np.float64)
        flat = np.asarray(values, np.float64).ravel()
        return np.asarray(self.every[np.abs(flat[:, None] - made).argmin(axis=1)].reshape(np.shape(values)))

    def reachable(self, x: Int8Array) -> Int8Array:
        """The int8 values nearest to x that some value of the rim becomes."""
        if self._inverse[1].all():
            return x
        there = self.every[self._inverse[1]].astype(np.int64)
        flat = np.asarray(x, np.int64).ravel()
        after = np.searchsorted(there, flat).clip(1, max(len(there) - 1, 1))
        low, high = there[after - 1], there[np.minimum(after, len(there) - 1)]
        nearest = np.where(flat - low <= high - flat, low, high)
        return np.asarray(nearest.astype(self.core).reshape(np.shape(x)))

    @cached_property
    def _inverse(self) -> tuple[Outer, BoolArray]:
        """A value for each of the core's, and whether it becomes that one."""
        if self.outer.dtype == "FLOAT32":
            tried = self.dequantize(self.every)
        else:
            every = self._every()
            tried = np.zeros(len(self.every), self.dtype)
            tried[self._at(self.quantize(every))] = every
        return tried, self.quantize(tried) == self.every

    def _every(self) -> Outer:
        """Values of the rim's type among which each byte has one that becomes it, if there is any."""
        info = np.iinfo(self.dtype)
        if self.outer.dtype != "INT32":
            return np.arange(info.min, info.max + 1).astype(self.dtype)
        real = (self.every.astype(np.float64) - self.inner.zero) * float(self.inner.scale[0])
        near = np.round(real / float(self.outer.scale[0])) + self.outer.zero
        tried = (near[:, None] + np.arange(-2, 3)).clip(info.min, info.max)
        return np.unique(tried).astype(self.dtype)


@dataclass(frozen=True)
class Tail:
    """What the file computes of an int8 output of the core.

    Attributes:
        ops: one after the other; the first reads `inner`, the last writes `outer`.
        inner: the int8 tensor that the core ends with. outer: what the file gives.
    """

    ops: tuple[Op, ...]
    inner: Tensor
    outer: Tensor

    @property
    def first(self) -> int:
        """Index of the op that reads the core."""
        return self.ops[0].index

    @property
    def kinds(self) -> str:
        """What the ops are, in their order."""
        return ", ".join(op.kind for op in self.ops)


def reachable(model: Model, rows: Int8Array) -> Int8Array:
    """Rows of all inputs, each byte the nearest one that something at the rim becomes."""
    made, start = rows.copy(), 0
    for i, t in enumerate(model.inputs):
        end, rim = start + model.tensors[t].nbytes, model.input_rim(i)
        if rim is not None:
            values = np.ascontiguousarray(made[:, start:end]).view(rim.core)
            made[:, start:end] = rim.reachable(values).view(np.int8)
        start = end
    return made


def input_rim(tensors: tuple[Tensor, ...], ops: tuple[Op, ...], tensor: int) -> Rim | None:
    """The rim behind a graph input: its only reader is a QUANTIZE to int8, or of float32 to int16."""
    readers = [op for op in ops if tensor in op.inputs]
    if len(readers) != 1 or readers[0].kind != "QUANTIZE":
        return None
    return _rim(tensors, readers[0], is_input=True)


def output_rim(tensors: tuple[Tensor, ...], ops: tuple[Op, ...], tensor: int) -> Rim | None:
    """The rim before a graph output: a DEQUANTIZE or QUANTIZE of the core writes it, nobody else reads it."""
    makers = [op for op in ops if tensor in op.outputs]
    if len(makers) != 1 or any(tensor in op.inputs for op in ops):
        return None
    wanted = "DEQUANTIZE" if tensors[tensor].dtype == "FLOAT32" else "QUANTIZE"
    return _rim(tensors, makers[0], is_input=False) if makers[0].kind == wanted else None


def output_tail(model: Model, tensor: int) -> Tail | None:
    """The tail before a graph output: ops of one activation each, read by nobody else, from a quantized int8 tensor.

    None where there is nothing but int8, or something else.
    """
    found: list[Op] = []
    types, outer = set[str](), tensor
    while model.tensors[tensor].dtype != "INT8" or not found:
        makers = [op for op in model.ops if tensor in op.outputs]
        readers = [op for op in model.ops if tensor in op.inputs]
        if len(makers) != 1 or readers != found[:1] or not _is_plain(model, makers[0]):
            return None
        types.add(model.tensors[tensor].dtype)
        found.insert(0, makers[0])
        tensor = makers[0].inputs[0]
    inner = model.tensors[tensor]
    quantized = inner.scale.size == inner.zero_point.size == 1 and bool(0 < inner.scale[0] < np.inf)
    whole = quantized and inner.data is None and tensor not in model.inputs and types != {"INT8"}
    return Tail(tuple(found), inner, model.tensors[outer]) if whole else None


def _is_plain(model: Model, op: Op) -> bool:
    """Whether the op is one of those kinds, with one activation and one output."""
    rest = [model.tensors[t].data for t in op.inputs[1:] if t >= 0]
    one = len(op.outputs) == 1 and bool(op.inputs) and op.inputs[0] >= 0 and all(data is not None for data in rest)
    return one and op.kind in _TAILS


def _rim(tensors: tuple[Tensor, ...], op: Op, *, is_input: bool) -> Rim | None:
    outer, inner = (op.inputs, op.outputs) if is_input else (op.outputs, op.inputs)
    if len(outer) != 1 or len(inner) != 1 or inner[0] < 0:
        return None
    out, core = tensors[outer[0]], tensors[inner[0]]
    pair = (out.dtype in TYPES and core.dtype == "INT8") or (out.dtype, core.dtype) == ("FLOAT32", "INT16")
    known = pair and core.data is None and out.size == core.size
    if not known or not _quantized(core) or (core.dtype == "INT16" and core.zero != 0):
        return None
    if out.dtype != "FLOAT32":
        ratio = float(out.scale[0]) / float(core.scale[0]) if _quantized(out) else 0.0
        if not (1 / _MOST_RATIO < ratio < _MOST_RATIO):
            return None
    return Rim(op.index, out, core, is_input)


def _quantized(tensor: Tensor) -> bool:
    return tensor.scale.size == tensor.zero_point.size == 1 and bool(0 < tensor.scale[0] < np.inf)
