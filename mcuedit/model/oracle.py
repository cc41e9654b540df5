# SPDX-License-Identifier: Apache-2.0
"""What the base computes, by a runtime that is not ours."""

from __future__ import annotations

import contextlib
import math
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model import ops
from mcuedit.model.bundle import Base
from mcuedit.model.causes import AGAIN
from mcuedit.model.ops.int16.kinds import wide
from mcuedit.model.ops.recurrent.state import VARIABLES
from mcuedit.model.rims import CORE
from mcuedit.model.tflite import INT8, INT32, Model, Op
from mcuedit.model.windows import WINDOWED, window

Inputs = Sequence[str] | Int8Array
Progress = Callable[[int], None]

_PLAIN_SHAPES = ("PACK", "SHAPE", "STRIDED_SLICE")
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_WIDTHS = {"INT16": 2, "INT32": 4, "INT64": 8, "FLOAT32": 4}  # bytes of an element; others have one
_SANDBOX_SECONDS = 120  # of processor time: a busy machine gives little of it
_SANDBOXED = """
import resource, sys
import numpy as np
from tflite_micro import runtime
arena, seconds = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
preserve = runtime.InterpreterConfig.kPreserveAllTensors
net = runtime.Interpreter.from_bytes(sys.stdin.buffer.read(), arena_size=arena, intrepreter_config=preserve)
for i, end in enumerate(sys.argv[3:]):
    shape, dtype = end.split(":")
    net.set_input(np.zeros([int(n) for n in shape.split(",")], dtype), i)
net.invoke()
"""
MAX_ACTIVATIONS = 256 << 20  # elements; a damaged file can claim any shape, and the arena is sized by it


class Oracle(Protocol):
    """Runs a base. Implementations: `Tflm` here, the host engine where tflite-micro has no wheel."""

    name: str

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """Values of `tensors` for inputs int8[n, *input]: int8 or int16[n, *shape] each, the tensor's batch axis kept.

        Examples do not know of each other, whatever state the model keeps.
        """
        ...


class Tflm:
    """The `tflite_micro` runtime: TFLM's own kernels and interpreter on the host.

    Raises:
        McueditError: tflite-micro is not installed, or TFLM cannot run the model.
    """

    name = "tflite_micro"

    def __init__(self, model: Model) -> None:
        try:
            from tflite_micro import runtime
        except ImportError as error:
            raise McueditError("tflite-micro is not installed", "pip install tflite-micro (Linux x86-64)") from error
        activations = sum(tensor.size for tensor in model.tensors if tensor.data is None)
        if activations > MAX_ACTIVATIONS:
            raise McueditError(
                f"the model's activations have {activations:,} elements, at most {MAX_ACTIVATIONS:,} are simulated",
                "no microcontroller holds as many: 'mcuedit inspect BASE' shows whether a shape is damaged",
            )
        for tensor in (model.tensors[t] for t in model.inputs):
            if not tensor.shape:
                where = _reader(model, tensor.index)
                raise McueditError(f"{where}input {tensor.name!r} has no axes", AGAIN)
        _require_order(model)
        unproven = [op for op in model.ops if not _proven(model, op)]
        arena = _arena(model)
        if unproven:
            _run_sandboxed(model, arena, unproven[0])
        config = runtime.InterpreterConfig.kPreserveAllTensors
        try:
            self._interpreter = runtime.Interpreter.from_bytes(model.data, arena_size=arena, intrepreter_config=config)
        except (RuntimeError, ValueError, AttributeError) as error:  # the last from the wheel's own Python
            raise McueditError(f"TensorFlow Lite Micro refuses the model: {error}", "see the line above") from error
        self._model = model

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """See Oracle.

        Args:
            x: int8[n, *input], of several inputs, or of 16 bits, int8[n, bytes of all]; with state also
                int8[n, steps, ...]: values are those of the last step. A file with another type at its rim is given
                what its QUANTIZE makes these of, and that is read back.

        Raises:
            McueditError: an input has another shape or type, or nothing at the rim becomes it.
        """
        model = self._model
        found = {t: np.empty((len(x), *model.tensors[t].shape), CORE[model.tensors[t].dtype]) for t in tensors}
        for i, sequence in enumerate(steps(model, x)):
            if model.stateful:
                self._interpreter.reset()
            for step in sequence:
                self._run(step)
            given = dict(zip(model.inputs, split(model, sequence[-1]), strict=True))
            for t, values in found.items():
                values[i] = (given[t] if t in given else self._value(t)).reshape(values[i].shape)
        return found

    def course(self, sequence: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """Values after every step of one sequence, whose state starts anew: int8[steps, *shape] by tensor.

        Args:
            sequence: int8[steps, *input].

        Raises:
            McueditError: as `activations`.
        """
        model = self._model
        found = {t: np.empty((len(sequence), *model.tensors[t].shape), CORE[model.tensors[t].dtype]) for t in tensors}
        self._interpreter.reset()
        for i, step in enumerate(sequence):
            self._run(step)
            for t, values in found.items():
                values[i] = self._value(t).reshape(values[i].shape)
        return found

    def _run(self, step: Int8Array) -> None:
        """One inference."""
        try:
            given = split(self._model, step)
            for i, values in enumerate(given):
                self._interpreter.set_input(taken_by(self._model, i, values), i)
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise McueditError(f"TensorFlow Lite Micro fails on the model: {error}", "see the line above") from error
        for i, values in enumerate(given):
            rim = self._model.input_rim(i)
            if rim is not None and not np.array_equal(self._value(self._model.inputs[i]), values):
                raise McueditError(
                    f"op {rim.op} QUANTIZE: TensorFlow Lite Micro makes other bytes of {rim.outer.name!r} than we do",
                    "report it, with the model",
                )

    def _value(self, tensor: int) -> Int8Array:
        if tensor in self._plain_outputs:
            return np.asarray(self._interpreter.get_output(self._plain_outputs[tensor]))
        return np.asarray(self._interpreter.GetTensor(tensor, 0)["tensor_data"])

    @cached_property
    def _plain_outputs(self) -> dict[int, int]:
        """Positions of outputs that the file gives as they are."""
        return {t: i for i, t in enumerate(self._model.outputs) if self._model.behind(i) is None}


def split(model: Model, row: Int8Array) -> list[Int8Array]:
    """One inference's inputs, each in its shape, from a row of all of them."""
    found, start = [], 0
    for tensor in (model.tensors[t] for t in model.inputs):
        part = np.ascontiguousarray(row.reshape(-1)[start : start + tensor.nbytes])
        found.append(part.view(CORE[tensor.dtype]).reshape(tensor.shape))
        start += tensor.nbytes
    return found


def taken_by(model: Model, position: int, values: Int8Array) -> npt.NDArray[Any]:
    """What the file is to be given at an input so that its core gets these values."""
    rim = model.input_rim(position)
    return values if rim is None else rim.taken(values).reshape(rim.outer.shape)


def steps(model: Model, x: Int8Array) -> Int8Array:
    """Inputs as int8[n, steps, *input with its batch], one step unless the model has state.

    Of a model with several inputs int8[n, steps, bytes of all].
    """
    shape = model.input.shape if model.plain_input else model.input_shape
    lead = x.shape[1:2] if model.stateful and x[:1].size not in (0, model.input_size) else (1,)
    if x.dtype != np.int8 or x.size != len(x) * math.prod(lead) * model.input_size:
        given = f"{x.dtype}{list(x.shape[1:])}"
        wants = f"int8{list(shape)}, or a sequence of them" if model.stateful else f"int8{list(shape)}"
        where = _reader(model, model.inputs[0])
        raise McueditError(f"{where}an input of {given} where the base takes {wants}", "give inputs of that shape")
    return x.reshape(len(x), *lead, *shape)


def _reader(model: Model, tensor: int) -> str:
    """The start of a message about an input: the op that reads it."""
    return next((f"op {op.index} {op.kind}: " for op in model.ops if tensor in op.inputs), "")


def _require_order(model: Model) -> None:
    """Raises where an op reads what no op before it wrote."""
    written = set(model.inputs)
    for op in filter(model.is_core, model.ops):
        for t in (model.tensors[i] for i in model.sources(op)):
            if t.index not in written and not t.variable and t.size:
                what = f"op {op.index} {op.kind}: nothing writes tensor {t.name!r} before it is read"
                raise McueditError(what, "the file is damaged: copy it again from its source")
        written.update(op.outputs)


def _arena(model: Model) -> int:
    """Bytes that hold every activation at once, and what TFLM keeps of tensors and channels."""
    activations = sum(t.size * _WIDTHS.get(t.dtype, 1) for t in model.tensors if t.data is None)
    sums = sum(4 * model.tensors[t].size for op in model.ops if op.kind == "TRANSPOSE_CONV" for t in op.outputs)
    return 2 * activations + sums + 32768 + 512 * len(model.tensors) + 32 * sum(t.scale.size for t in model.tensors)


def _proven(model: Model, op: Op) -> bool:
    """Whether the op's shapes and types fit: TFLM believes whatever the file claims, and reads beyond its tensors.

    Raises:
        McueditError: they do not.
    """
    if op in model.tail_ops:
        return False
    if not model.is_core(op) and (op.kind in _PLAIN_SHAPES or not model.computes_shape(op)):
        return True
    types = {model.tensors[i].dtype for i in (*op.inputs, *op.outputs) if i >= 0}
    beside = types - {INT8, INT32}
    if wide(model, op):
        with contextlib.suppress(McueditError):  # TFLM's alone, perhaps
            ops.operator(model, op)
            return True
        return False
    other = (op.kind == "QUANTIZE" and beside) or (op.kind in _WEIGHTED and beside == {"INT4"})  # TFLM's, not simulated
    if op.kind in VARIABLES:  # those that are kept otherwise are TFLM's alone
        with contextlib.suppress(McueditError):
            ops.operator(model, op)
            return True
        return False
    if op.kind in ops.kinds() and not other and any(model.tensors[i].dtype == INT8 for i in op.outputs):
        ops.operator(model, op)
        return True
    if op.kind in WINDOWED:
        window(model, op)
    return False


def _run_sandboxed(model: Model, arena: int, op: Op) -> None:
    """Runs the model once in a process of its own: whatever a damaged op does to TFLM, it does there.

    Args:
        op: the first one that nothing is known of.

    Raises:
        McueditError: the process was ended by a signal.
    """
    rims = [model.input_rim(i) for i in range(len(model.inputs))]
    cores = [CORE[model.tensors[t].dtype] for t in model.inputs]
    types = [np.dtype(rim.dtype if rim else core).name for rim, core in zip(rims, cores, strict=True)]
    shapes = [",".join(map(str, model.tensors[t].shape)) for t in model.inputs]
    ends = [f"{shape}:{dtype}" for shape, dtype in zip(shapes, types, strict=True)]
    done = subprocess.run(
        [sys.executable, "-c", _SANDBOXED, str(arena), str(_SANDBOX_SECONDS), *ends],
        input=model.data,
        capture_output=True,
        check=False,
    )
    if done.returncode == -signal.SIGXCPU:
        raise McueditError(
            f"TensorFlow Lite Micro does not end, or not within {_SANDBOX_SECONDS} s", "is the file damaged?"
        )
    if done.returncode < 0:
        raise McueditError(
            f"TensorFlow Lite Micro does not survive the model, perhaps because of op {op.index} {op.kind}",
            f"the file is damaged, or the runtime has a bug; {AGAIN}",
        )


class Reader:
    """A base with its front end and its oracle: prompts or tensors in, activations out. Runs each prompt once."""

    def __init__(self, base: Base, oracle: Oracle, tensors: Sequence[int]) -> None:
        self.base = base
        self.oracle = oracle
        self._tensors = tuple(dict.fromkeys(tensors))
        self._row: dict[str, int] = {}
        self._chunks: dict[int, list[Int8Array]] = {t: [] for t in self._tensors}

    def __call__(self, inputs: Inputs) -> dict[int, Int8Array]:
        """Values of the reader's tensors: int8[n, *shape] each.

        Args:
            inputs: prompts, or int8[n, *input].
        """
        if isinstance(inputs, np.ndarray):
            return self.oracle.activations(inputs, self._tensors)
        new = [prompt for prompt in dict.fromkeys(inputs) if prompt not in self._row]
        if new:
            found = self.oracle.activations(self.base.encode(new), self._tensors)
            self._row |= {prompt: len(self._row) + i for i, prompt in enumerate(new)}
            for t, chunks in self._chunks.items():
                chunks.append(found[t])
        if not self._row:
            return self.oracle.activations(self.base.encode([]), self._tensors)
        rows = np.fromiter((self._row[prompt] for prompt in inputs), np.int64, len(inputs))
        return {t: self._joined(t)[rows] for t in self._tensors}

    def _joined(self, tensor: int) -> Int8Array:
        chunks = self._chunks[tensor]
        if len(chunks) > 1:
            chunks[:] = [np.concatenate(chunks)]
        return chunks[0]
