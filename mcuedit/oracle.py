# SPDX-License-Identifier: Apache-2.0
"""What the base computes, by a runtime that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mcuedit.base import Base
from mcuedit.carrier import carrier, carries
from mcuedit.errors import McueditError
from mcuedit.model import Model

Int8Array = npt.NDArray[np.int8]
Inputs = Sequence[str] | Int8Array
Progress = Callable[[int], None]

MAX_ACTIVATIONS = 256 << 20  # elements; a damaged file can claim any shape, and the arena is sized by it


class Oracle(Protocol):
    """Runs a base. Implementations: `Tflm` here, the host engine where tflite-micro has no wheel."""

    name: str

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """Values of `tensors` for inputs int8[n, *input]: int8[n, *shape] each, the tensor's batch axis kept."""
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
        for op in model.ops:
            if carries(model, op):
                carrier(model, op.index)  # proves that the shapes fit: TFLM believes whatever the file claims
        arena = 2 * activations + 32768 + 512 * len(model.tensors) + 32 * sum(t.scale.size for t in model.tensors)
        config = runtime.InterpreterConfig.kPreserveAllTensors
        try:
            self._interpreter = runtime.Interpreter.from_bytes(model.data, arena_size=arena, intrepreter_config=config)
        except (RuntimeError, ValueError) as error:
            raise McueditError(f"TensorFlow Lite Micro refuses the model: {error}", "see the line above") from error
        self._model = model

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """See Oracle."""
        found = {t: np.empty((len(x), *self._model.tensors[t].shape), np.int8) for t in tensors}
        shape = self._model.input.shape
        inputs, outputs = self._model.inputs[0], self._model.outputs[0]
        for i, row in enumerate(x):
            self._interpreter.set_input(row.reshape(shape), 0)
            self._interpreter.invoke()
            for t, values in found.items():
                if t == inputs:
                    values[i] = row.reshape(shape)
                elif t == outputs:
                    values[i] = self._interpreter.get_output(0)
                else:
                    values[i] = self._interpreter.GetTensor(t, 0)["tensor_data"].reshape(values[i].shape)
        return found


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
