# SPDX-License-Identifier: Apache-2.0
"""A base and its adapters compiled for this machine: fast sweeps."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.build.driver import build_host
from mcuedit.emulate.backends.backend import Backend
from mcuedit.emulate.devices.device import Answer, Device, OnHost, check_active, check_inputs, check_text, sequences
from mcuedit.emulate.devices.firmware import mask_bytes, sources
from mcuedit.model.bundle import Base


class HostDevice(OnHost):
    """A base with its adapters in a shared library; see `Device`.

    Raises:
        McueditError: it cannot be built, or the library refuses the base or an adapter.
    """

    def __init__(self, base: Base, adapters: Sequence[Adapter] = ()) -> None:
        super().__init__()
        self._base, self._adapters = base, len(adapters)
        self._folder = system.folder(runs=True)
        try:
            self._library = self._build(base, adapters, Path(self._folder.name))
        finally:
            self._folder.cleanup()  # a loaded library needs its file no more
        self._check(self._library.host_start())

    def _build(self, base: Base, adapters: Sequence[Adapter], folder: Path) -> Any:
        return load_library(build_host(sources(base, adapters), folder))

    def use(self, active: Sequence[bool]) -> None:
        self._check(self._library.host_use(mask_bytes(check_active(active, self._adapters))))

    def ask(self, prompts: Sequence[str]) -> list[Answer]:
        n = check_text(self._base)
        inputs = np.zeros((len(prompts), n), np.int8)
        for sample, prompt in zip(inputs, prompts, strict=True):
            raw = prompt.encode()
            self._library.host_features(raw, len(raw), _pointer(sample), n)
        _, indices = self._infer(inputs)
        return [Answer(int(i), self._label(int(i))) for i in indices]

    def run(self, inputs: Int8Array) -> Int8Array:
        return self._infer(self._samples(inputs))[0]

    def _samples(self, inputs: Int8Array) -> Int8Array:
        return sequences(self._base, inputs) if self._base.model.stateful else check_inputs(self._base, inputs)

    def _infer(self, samples: Int8Array) -> tuple[Int8Array, Any]:
        """Samples, or of a base with state int8[n, T, *input], each started anew: what follows the last step."""
        if not self._base.model.stateful:
            return self._steps(samples)
        found = [self._sequence(sample) for sample in samples]
        return np.concatenate([y[-1:] for y, _ in found]), np.concatenate([index[-1:] for _, index in found])

    def _sequence(self, steps: Int8Array) -> tuple[Int8Array, Any]:
        self._library.host_reset()
        return self._steps(steps.reshape(-1, self._base.model.input_size))

    def _steps(self, samples: Int8Array) -> tuple[Int8Array, Any]:
        samples = np.ascontiguousarray(samples)
        outputs = np.empty((len(samples), self._base.model.output_size), np.int8)
        indices = np.empty(len(samples), np.uint16)
        self._check(self._library.host_run(_pointer(samples), len(samples), _pointer(outputs), _pointer(indices)))
        return outputs, indices

    def _label(self, index: int) -> str:
        length = ctypes.c_uint8()
        text = self._library.host_label(index, ctypes.byref(length))
        return ctypes.string_at(text, length.value).decode("utf-8", "replace") if text else str(index)

    def _check(self, error: int) -> None:
        if error:
            name = self._library.host_error(error).decode()
            raise McueditError(f"the host engine refuses the base or an adapter: {name}", "train the adapter again")


def load_library(path: Path, mode: int = ctypes.DEFAULT_MODE) -> Any:
    """A library of firmware/apps/hostlib."""
    with system.loading(path):
        library = ctypes.CDLL(str(path), mode)
    library.host_label.restype = ctypes.c_void_p
    library.host_error.restype = ctypes.c_char_p
    return library


def _pointer(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


def _device(base: Base, adapters: Sequence[Adapter], runtime: str) -> Device:
    if runtime == "bare":
        return HostDevice(base, adapters)
    from mcuedit.emulate.backends.plugin import PluginDevice

    return PluginDevice(base, adapters)


BACKEND: Backend = Backend("host", "fast sweeps", device=_device)
