# SPDX-License-Identifier: Apache-2.0
"""TFLM's own runtime on this machine with the kernel wrapper of firmware/tflm in it."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.build.driver import build_plugin
from mcuedit.build.external import tflm
from mcuedit.emulate.backends.host import HostDevice, load_library
from mcuedit.emulate.devices.device import sequences
from mcuedit.emulate.devices.firmware import sources
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import split, taken_by

_NONE = 0xFFFF  # MCUEDIT_TFLM_NONE
_NEWER = b"N6tflite5micro12MicroContextE"  # typeinfo of MicroContext


class PluginDevice(HostDevice):
    """A base, its .tflite untouched, in the `tflite_micro` runtime with wrapped kernels; see `Device`.

    Args:
        data: the model that the runtime runs; None: that of the base. The wrapper refuses any other.
        registerers: further functions for the runtime to call, after the wrapper's. kernels: and before it, for kernels
            that it is to wrap.

    Attributes:
        status: of the wrapper, by name: "OK" when active adapters are added.

    Raises:
        McueditError: tflite-micro or TFLM's headers are not there, or the wrapper refuses an adapter.
    """

    def __init__(
        self,
        base: Base,
        adapters: Sequence[Adapter] = (),
        *,
        data: bytes | None = None,
        registerers: Sequence[str] = (),
        kernels: Sequence[str] = (),
    ) -> None:
        if find_spec("tflite_micro") is None:
            raise McueditError("tflite-micro is not installed", "pip install tflite-micro (Linux x86-64)")
        self._data = base.model.data if data is None else data
        self._logits = logits_tensor(base.model)
        super().__init__(base, adapters)
        self._interpreter = self._start([*kernels, self._registerer, *registerers])

    @property
    def status(self) -> str:
        return str(self._library.host_error(self._library.plugin_status()).decode())

    def watch(self, tap: int, target: int | None, size: int) -> str:
        """Keeps `size` bytes of every further inference: the tap's input, then the target's output.

        Returns:
            the wrapper's error by name, "OK" if there is none.
        """
        self._watched = np.zeros(size, np.int8)
        to = ctypes.c_void_p(self._watched.ctypes.data)
        error = self._library.plugin_watch(tap, _NONE if target is None else target, to, size)
        return str(self._library.host_error(error).decode())

    def take(self) -> Int8Array | str:
        """What was kept of the last inference, once: int8[size], or the wrapper's error by name."""
        error = self._library.plugin_take()
        return str(self._library.host_error(error).decode()) if error else self._watched.copy()

    def _build(self, base: Base, adapters: Sequence[Adapter], folder: Path) -> Any:
        files = sources(base, adapters, "tflm")
        key = hashlib.sha256(repr((sorted(files.items()), os.urandom(8))).encode()).hexdigest()[:16]
        self._registerer = f"mcuedit_plugin_{key}"
        tree = tflm.root()
        path = build_plugin(files, folder, tree, self._registerer, newer=runtime_is_newer(tree))
        library = load_library(path, ctypes.RTLD_GLOBAL)
        library.plugin_model(self._data, len(self._data))
        return library

    def _check(self, error: int) -> None:
        if self._library.host_error(error) != b"E_BASE":  # its status says so; the base runs on
            super()._check(error)

    def _start(self, registerers: Sequence[str]) -> Any:
        from tflite_micro import runtime

        kept, planned = runtime.InterpreterConfig, self._base.model.is_compiled  # its compiler placed tensors already
        size = 1 << 20 if len(self._data) < 1 << 18 else 4 * len(self._data)
        return runtime.Interpreter.from_bytes(
            self._data,
            custom_op_registerers=list(registerers),
            arena_size=size + 4 * sum(t.size for t in self._base.model.tensors if t.data is None),
            intrepreter_config=kept.kAllocationRecording if planned else kept.kPreserveAllTensors,
        )

    def _samples(self, inputs: Int8Array) -> Int8Array:
        return sequences(self._base, inputs)

    def _infer(self, samples: Int8Array) -> tuple[Int8Array, Any]:
        """Samples and what follows the last step of each: int8[n, T, *input], or flat samples of one step."""
        model = self._base.model
        outputs = np.empty((len(samples), model.output_size), np.int8)
        logits = np.empty((len(samples), model.tensors[self._logits].size), np.int8)
        for i, sample in enumerate(samples):
            if model.stateful:
                self._interpreter.reset()
            for step in sample.reshape(-1, model.input_size):
                for at, values in enumerate(split(model, step)):
                    self._interpreter.set_input(taken_by(model, at, values), at)
                self._interpreter.invoke()
            outputs[i] = np.concatenate([self._tensor(t) for t in model.outputs])
            logits[i] = self._tensor(self._logits)
        return outputs, answers(logits)

    def _tensor(self, index: int) -> Int8Array:
        """int8[size]; what the file gives as it is, is taken from there."""
        model = self._base.model
        if index in model.outputs and model.behind(model.outputs.index(index)) is None:
            return np.asarray(self._interpreter.get_output(model.outputs.index(index))).reshape(-1)
        return np.asarray(self._interpreter.GetTensor(index, 0)["tensor_data"]).reshape(-1)


def runtime_is_newer(tree: Path) -> bool:
    """Whether the installed runtime keeps its names in tflite::micro, by those in its library, and a tree does not."""
    if tflm.is_newer(tree):
        return False
    spec = find_spec("tflite_micro")
    places = spec.submodule_search_locations if spec else None
    return any(_NEWER in path.read_bytes() for place in places or () for path in Path(place).rglob("_runtime*.so"))
