# SPDX-License-Identifier: Apache-2.0
"""A base with adapters that can be asked, whatever executes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.build.driver import BuildResult
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import steps


@dataclass(frozen=True)
class Answer:
    """The class of the largest logit; `label` is its name, the number where it has none."""

    index: int
    label: str


@dataclass(frozen=True)
class Counts:
    """Executed instructions of one inference.

    Attributes:
        total: from its start to its end.
        ops: of the base's own kernels, by op index.
        delta: of everything else: latching the active set, projecting, adding.
    """

    total: int
    ops: dict[int, int]
    delta: int


class Device(Protocol):
    """Runs inferences. A context manager: leaving it frees what runs it.

    Attributes:
        counts: one per inference since the start, if the device was opened with counting, else empty.
    """

    counts: list[Counts]

    @property
    def built(self) -> BuildResult | None:
        """The firmware; None where none runs."""
        ...

    def use(self, active: Sequence[bool]) -> None:
        """Which of the adapters take part from the next inference on; all do at the start."""
        ...

    def ask(self, prompts: Sequence[str]) -> list[Answer]:
        """Answers to prompts, encoded by the device itself."""
        ...

    def run(self, inputs: Int8Array) -> Int8Array:
        """Output bytes: int8[n, *input] -> int8[n, output size].

        Of a base with state also int8[n, T, *input], where it can be run: sequences, each from the initial state on,
        answered after their last step.
        """
        ...

    def stack_peak(self) -> int | None:
        """Bytes of stack used at most so far, where there is such a thing."""
        ...

    def arena_used(self) -> int | None:
        """Bytes of the arena that are taken, where there is such a thing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class OnHost(Closing):
    """What devices that compute on this machine have in common: no firmware, no stack to measure, nothing counted."""

    built = None

    def __init__(self) -> None:
        self.counts: list[Counts] = []

    def stack_peak(self) -> None:
        """See `Device`."""
        return None

    def arena_used(self) -> None:
        """See `Device`."""
        return None


def check_inputs(base: Base, inputs: Int8Array) -> Int8Array:
    """Inputs as int8[n, input size].

    Raises:
        McueditError: another dtype or width.
    """
    size = base.model.input_size
    if inputs.dtype != np.int8 or inputs.ndim == 0 or inputs.size != len(inputs) * size:
        raise McueditError(
            f"inputs are {inputs.dtype}{list(inputs.shape)}, base {base.name} takes int8[n, {size}]",
            "give quantized inputs, one row each",
        )
    return inputs.reshape(len(inputs), size)


def sequences(base: Base, inputs: Int8Array) -> Int8Array:
    """Inputs as int8[n, T, *input with its batch]; T is 1 unless the base has state.

    Args:
        inputs: as `Device.run` takes them; each row may be flat.

    Raises:
        McueditError: another dtype or width.
    """
    model, size = base.model, base.model.input_size
    row = inputs.size // len(inputs) if inputs.ndim and len(inputs) else size
    if inputs.dtype != np.int8 or not model.stateful or row == 0 or row % size:
        return steps(model, check_inputs(base, inputs)[:, None])
    return steps(model, inputs.reshape(len(inputs), row // size, size))


def check_text(base: Base) -> int:
    """Width of the text features.

    Raises:
        McueditError: the base takes no text.
    """
    if base.features is None:
        raise McueditError(f"base {base.name} takes tensors, not text", "give --inputs F.npz or --random N")
    return base.features


def check_active(active: Sequence[bool], adapters: int) -> list[bool]:
    """One flag per adapter.

    Raises:
        McueditError: more or fewer flags.
    """
    if len(active) != adapters:
        raise McueditError(f"{len(active)} flags for {adapters} adapters", "give one per adapter, in their order")
    return list(active)
