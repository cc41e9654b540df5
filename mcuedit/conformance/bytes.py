# SPDX-License-Identifier: Apache-2.0
"""The full comparison: every core, every emulator, active sets of 0, 1 and 10 adapters, all bytes of all outputs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.boards import board as boards
from mcuedit.boards.board import Board
from mcuedit.build.external import tflm
from mcuedit.build.linker import TooLarge
from mcuedit.build.options import PLAIN, BuildOptions
from mcuedit.conformance.synthetic import adapters as random_adapters
from mcuedit.emulate import backends
from mcuedit.emulate.devices.device import check_inputs
from mcuedit.emulate.devices.selftest import SelfTest
from mcuedit.emulate.options import RunOptions
from mcuedit.emulate.runner import as_firmware, best_oracle, expected, open_device
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle
from mcuedit.model.rims import reachable

_CHUNK = 4096  # inputs between two signs of progress, and between Ctrl-C and the end


@dataclass(frozen=True)
class Row:
    """One emulator, board and active set.

    Attributes:
        differing_bytes: over all inputs.
        seconds: without the build.
        skipped: why nothing was run; empty otherwise.
    """

    emulator: str
    board: str
    cpu: str
    adapters: int
    inputs: int
    differing_bytes: int
    seconds: float
    skipped: str = ""


def random_inputs(base: Base, count: int, seed: int = 0) -> Int8Array:
    """int8[count, input size], every value as likely that the model can be given."""
    rows = np.random.default_rng(seed).integers(-128, 128, (count, base.model.input_size), np.int8)
    return reachable(base.model, rows)


@dataclass(frozen=True)
class Scope:
    """What a sweep compares.

    Attributes:
        active_sets: how many adapters are active together, each in turn.
        emulators, boards: None: all that are compared, and all boards.
    """

    active_sets: tuple[int, ...] = (0, 1, 10)
    emulators: tuple[str, ...] | None = None
    boards: tuple[str, ...] | None = None


EVERYWHERE = Scope()


class Sweep:
    """A comparison of this machine and of emulated boards with the oracle.

    Args:
        inputs: int8[n, *input].
        scope: what to compare.
        options: of the firmware; boards without a TFLM library are skipped.
        adapters: at least as many as the largest active set takes; None: random ones of every kind.
        oracle: None: the best there is; for firmware with TensorFlow Lite Micro, one with TFLM_ROOT's scales.

    Attributes:
        total: inferences to run, the oracle's among them.

    Raises:
        McueditError: no such board, no inputs or such that do not fit the base, or too few adapters.
    """

    def __init__(
        self,
        base: Base,
        inputs: Int8Array,
        scope: Scope = EVERYWHERE,
        options: BuildOptions = PLAIN,
        adapters: Sequence[Adapter] | None = None,
        oracle: Oracle | None = None,
    ) -> None:
        self._base, self._inputs = base, check_inputs(base, inputs)
        if len(inputs) == 0:
            raise McueditError("nothing to compare: no inputs", "give --random N, or a base with facts.jsonl")
        chosen = list(adapters) if adapters is not None else random_adapters(base.model, max(scope.active_sets))
        if len(chosen) < max(scope.active_sets):
            raise McueditError(
                f"{len(chosen)} adapters, {max(scope.active_sets)} active together were asked for", "give more adapters"
            )
        self._adapters, self._active_sets, self._oracle = chosen[: max(scope.active_sets)], scope.active_sets, oracle
        asked = backends.names(
            lambda backend: backend.compared and (scope.emulators is None or backend.name in scope.emulators)
        )
        self._plain = [name for name in asked if backends.get(name).device]
        loaded = [boards.load(name) for name in (boards.names() if scope.boards is None else scope.boards)]
        if scope.boards is None:  # nobody asked for rare ones
            asked = tuple(e for e in asked if not (backends.get(e).rare and backends.get(e).missing()))
        self._places = [(e, b) for b in loaded for e in asked if e in b.emulators and backends.get(e).session]
        self._options = options
        self.total = len(self._inputs) * len(self._active_sets) * (1 + len(self._plain) + len(self._places))
        self._stop = Event()

    def rows(self, advance: Callable[[int], None] = lambda n: None) -> Iterator[Row]:
        """Runs it, as many boards at once as this machine has cores; the rows keep the order of the boards.

        Args:
            advance: told of every further n inferences, from any thread.

        Raises:
            McueditError: a firmware cannot be built or run, or reports an error.
        """
        firmware = self._firmware()
        wanted = self._wanted(self._base if self._plain else firmware, advance)
        for name in self._plain:
            yield from self._on_host(name, wanted, advance)
        if self._plain:
            wanted = wanted if firmware is self._base else self._wanted(firmware)
        self._stop.clear()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                runs = [pool.submit(self._on_board, *place, wanted, advance) for place in self._places]
                for run in runs:
                    yield from run.result()
            finally:
                self._stop.set()  # what runs ends with its chunk
                pool.shutdown(cancel_futures=True)

    def _firmware(self) -> Base:
        """The base as boards compute it."""
        runs = any(not self._missing(*place) for place in self._places)
        return as_firmware(self._base, self._options.runtime) if runs else self._base

    def _wanted(self, base: Base, advance: Callable[[int], None] = lambda n: None) -> dict[int, Int8Array]:
        """int8[n, output size] by the number of adapters."""
        oracle, wanted = self._oracle or best_oracle(base.model), {}
        for n in self._active_sets:
            wanted[n] = expected(base, self._adapters[:n], oracle, self._inputs)
            advance(len(self._inputs))
        return wanted

    def _active(self, n: int) -> list[bool]:
        return [i < n for i in range(len(self._adapters))]

    def _on_host(self, name: str, wanted: dict[int, Int8Array], advance: Callable[[int], None]) -> Iterator[Row]:
        with open_device(self._base, self._adapters, RunOptions(name, build=self._options)) as device:
            for n, want in wanted.items():
                start = time.perf_counter()
                device.use(self._active(n))
                differing = int((device.run(self._inputs) != want).sum())
                yield Row(name, "", "this machine", n, len(want), differing, time.perf_counter() - start)
                advance(len(want))

    def _missing(self, emulator: str, board: Board) -> str:
        """What is not there to run a board; empty if nothing."""
        if why := backends.get(emulator).missing():
            return why
        if self._options.runtime == "tflm":
            try:
                tflm.find(board)
            except McueditError as error:
                return error.message
        return ""

    def _on_board(
        self, emulator: str, board: Board, wanted: dict[int, Int8Array], advance: Callable[[int], None]
    ) -> list[Row]:
        if why := self._missing(emulator, board):
            advance(len(self._inputs) * len(wanted))
            return [Row(emulator, board.name, board.cpu, n, 0, 0, 0.0, why) for n in wanted]
        rows: list[Row] = []
        capacity = min(_CHUNK, len(self._inputs))
        try:
            with SelfTest(
                self._base, self._adapters, emulator, board, capacity=capacity, options=self._options
            ) as test:
                for n, want in wanted.items():
                    start, differing = time.perf_counter(), 0
                    for at in range(0, len(want), test.capacity):
                        if self._stop.is_set():
                            return rows
                        part = slice(at, at + test.capacity)
                        differing += test.run(self._active(n), self._inputs[part], want[part])
                        advance(len(want[part]))
                    seconds = time.perf_counter() - start
                    rows.append(Row(emulator, board.name, board.cpu, n, len(want), differing, seconds))
        except TooLarge as error:
            advance(len(self._inputs) * len(wanted))
            return [Row(emulator, board.name, board.cpu, n, 0, 0, 0.0, error.message) for n in wanted]
        except BaseException as error:
            self._stop.set()  # nobody waits for the other boards any more
            if isinstance(error, McueditError):
                raise McueditError(f"board {board.name} on {emulator}: {error.message}", error.hint) from error
            raise
        return rows
