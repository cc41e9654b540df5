# SPDX-License-Identifier: Apache-2.0
"""The oracle as a device: TFLM's own kernels for the base, numpy arithmetic for the adapters."""

from __future__ import annotations

from collections.abc import Sequence

from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import (
    Trace,
    answers,
    deltas_of,
    first_tap,
    logits_tensor,
    trace,
    whole_output,
    with_deltas,
)
from mcuedit.emulate.backends.backend import Backend
from mcuedit.emulate.devices.device import Answer, OnHost, check_active, check_text, sequences
from mcuedit.model import compiled
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle, Tflm


class OracleDevice(OnHost):
    """A base on an oracle, its adapters in numpy (SPEC.md, section 2); see `Device`."""

    def __init__(self, base: Base, adapters: Sequence[Adapter], oracle: Oracle) -> None:
        super().__init__()
        self._base, self._adapters, self._oracle = base, list(adapters), oracle
        self._active = list(adapters)

    def use(self, active: Sequence[bool]) -> None:
        flags = check_active(active, len(self._adapters))
        self._active = [adapter for adapter, on in zip(self._adapters, flags, strict=True) if on]

    def ask(self, prompts: Sequence[str]) -> list[Answer]:
        check_text(self._base)
        model = self._base.model
        now = self._now(sequences(self._base, self._base.encode(prompts)))
        classes = answers(now.values[logits_tensor(model)])
        return [Answer(int(c), self._label(int(c))) for c in classes]

    def run(self, inputs: Int8Array) -> Int8Array:
        return whole_output(self._base.model, self._now(sequences(self._base, inputs)))

    def _now(self, samples: Int8Array) -> Trace:
        model = self._base.model
        x = samples if model.stateful else samples[:, 0]
        deltas = deltas_of(self._active)
        first = first_tap(deltas, len(model.ops) - 1)
        return with_deltas(model, deltas, trace(model, self._oracle, x, first))

    def _label(self, index: int) -> str:
        for adapter in self._active:
            if index in adapter.labels:
                return adapter.labels[index]
        return self._base.labels[index] if self._base.labels else str(index)


BACKEND: Backend = Backend(
    "tflm",
    "what is right, byte for byte",
    device=lambda base, adapters, runtime: OracleDevice(base, adapters, compiled.oracle(base.model, Tflm)),
    runtime="tflm",
    compared=False,
)
