# SPDX-License-Identifier: Apache-2.0
"""A base that can be asked, with adapters in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter, check_adapter
from mcuedit.adapter.forward import flow
from mcuedit.emulate.backends.oracle_device import OracleDevice
from mcuedit.emulate.devices.device import Answer
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.model.oracle import Reader


@dataclass
class _Running:
    """What changes of a base: what runs it, once it was asked, and what is in force."""

    reader: Reader | None = None
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True)
class Base(bundle.Base):
    """A model with its labels and text front end, as `load_base` reads it.

    It answers as a device does, byte for byte: the model runs in the `tflite_micro` runtime where that is installed,
    else in our engine built for this machine, and adapters act in integers (SPEC.md, section 2).
    """

    _running: _Running = field(default_factory=_Running, init=False, repr=False, compare=False)

    @property
    def reader(self) -> Reader:
        """Runs the model and remembers what prompts gave; training and evaluation share it."""
        if self._running.reader is None:
            self._running.reader = Reader(self, best_oracle(self.model), flow(self.model, 0))
        return self._running.reader

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """The adapters in force."""
        return self._running.adapters

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Puts adapters in force, in place of those that are; none: the base alone.

        Raises:
            McueditError: one is for another base; what is in force stays.
        """
        for adapter in adapters:
            check_adapter(adapter, self.model)
        self._running.adapters = tuple(adapters)

    def ask(self, prompts: Sequence[str]) -> list[Answer]:
        """The answer to each prompt, with the adapters in force.

        Raises:
            McueditError: the base takes tensors, not text.
        """
        return self._device().ask(prompts)

    def run(self, inputs: Int8Array) -> Int8Array:
        """Output bytes with the adapters in force.

        Args:
            inputs: int8[n, *input], quantized as the model's input is; of a base with state also int8[n, T, *input]; of
                one with several inputs int8[n, bytes of all].

        Returns:
            int8[n, bytes of all outputs].

        Raises:
            McueditError: another dtype or width.
        """
        return self._device().run(inputs)

    def _device(self) -> OracleDevice:
        return OracleDevice(self, self.adapters, self.reader.oracle)


def load_base(path: str | Path, output: str | None = None) -> Base:
    """Reads a base: a .tflite that is int8 inside, or a folder with its labels and text front end.

    Args:
        output: of several outputs the name of the one that is edited; None: the only one that is a classifier's.

    Raises:
        McueditError: something is missing, malformed or does not fit the model, or there is no such output.
    """
    found = bundle.load(path)
    found = found if output is None else bundle.with_output(found, output)
    return Base(found.name, found.model, found.labels, found.features, found.folder)
