# SPDX-License-Identifier: Apache-2.0
"""Extended files as stock runtimes run them, seen through the tensors of their base, whose numbers they keep."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model.oracle import Tflm, split, steps, taken_by
from mcuedit.model.rims import CORE
from mcuedit.model.tflite import Model

_ARENA = 1 << 20  # beside what the base takes: whatever is added is small


class StockTflm(Tflm):
    """An oracle of a base that runs an extended file in `tflite_micro`.

    Args:
        model: the base. data: the file.
        given: of the form inputs, by position: what is set before each inference, since TFLM uses inputs' memory again.

    Raises:
        McueditError: TFLM refuses it.
    """

    def __init__(self, model: Model, data: bytes, given: Mapping[int, npt.NDArray[Any]] | None = None) -> None:
        super().__init__(model)
        from tflite_micro import runtime

        config = runtime.InterpreterConfig.kPreserveAllTensors
        arena = _ARENA + 4 * sum(tensor.size for tensor in model.tensors if tensor.data is None)
        try:
            self._interpreter = runtime.Interpreter.from_bytes(data, arena_size=arena, intrepreter_config=config)
        except (RuntimeError, ValueError, AttributeError) as error:
            raise McueditError(f"TensorFlow Lite Micro refuses the file: {error}", "see the line above") from error
        self.given = dict(given or {})

    def _run(self, step: Int8Array) -> None:
        for position, values in self.given.items():
            self._interpreter.set_input(values, position)
        super()._run(step)


class LiteRt:
    """An oracle of a base, or of a file that extends it, in LiteRT.

    Args:
        model: the base. data: the file, if it is not the base's own.
        reference: take the kernels that are written for clarity, not the fast ones.
    """

    name = "LiteRT"

    def __init__(self, model: Model, data: bytes = b"", *, reference: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
        self._model, self._data = model, data or model.data
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that keeping all tensors takes memory
                self._interpreter: Any = Interpreter(
                    model_content=self._data,
                    experimental_op_resolver_type=kind,
                    experimental_preserve_all_tensors=True,
                    num_threads=min(2, os.cpu_count() or 1),
                )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise McueditError(f"LiteRT refuses the file: {error}", "see the lines above") from error

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """See Oracle."""
        model, net = self._model, self._interpreter
        found = {t: np.empty((len(x), *model.tensors[t].shape), CORE[model.tensors[t].dtype]) for t in tensors}
        for i, sequence in enumerate(steps(model, x)):
            if model.stateful:
                net.reset_all_variables()
            for step in sequence:
                for k, values in enumerate(split(model, step)):
                    taken = taken_by(model, k, values)
                    net.set_tensor(model.file_inputs[k], taken)
                net.invoke()
            for t, values in found.items():
                values[i] = net.get_tensor(t).reshape(values[i].shape)
        return found
