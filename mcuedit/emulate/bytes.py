# SPDX-License-Identifier: Apache-2.0
"""The full comparison: every core, every emulator, stacks of 0, 1 and 10 adapters, all bytes of all outputs."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcuedit import board as boards
from mcuedit.base import Base
from mcuedit.board import Board
from mcuedit.build import build
from mcuedit.delta import Adapter
from mcuedit.emulate import open_session, qemu
from mcuedit.emulate.device import Int8Array, check_inputs
from mcuedit.emulate.firmware import sources, vectors
from mcuedit.emulate.host import HostDevice
from mcuedit.emulate.runner import best_oracle, expected, open_device
from mcuedit.emulate.synthetic import adapters as random_adapters
from mcuedit.errors import McueditError
from mcuedit.oracle import Oracle

STACKS = (0, 1, 10)
_FLASH_KEPT = 96 * 1024  # of a board's flash, for code, constants and adapters beside base and vectors
_SELFTEST_TIMEOUT = 120.0  # seconds: a self-test says nothing until its end


@dataclass(frozen=True)
class Row:
    """One emulator, board and stack.

    Attributes:
        differing_bytes: over all inputs; for a self-test, which stops there, 1 if any vector failed.
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
    """int8[count, input size], every value as likely."""
    return np.random.default_rng(seed).integers(-128, 128, (count, base.model.input.size), np.int8)


def compare(
    base: Base,
    inputs: Int8Array,
    *,
    adapters: Sequence[Adapter] | None = None,
    stacks: Sequence[int] = STACKS,
    emulators: Sequence[str] = ("host", "unicorn", "qemu"),
    board_names: Sequence[str] | None = None,
    toolchain: str = "auto",
    opt: str = "2",
    oracle: Oracle | None = None,
) -> Iterator[Row]:
    """Compares host, unicorn and qemu with the oracle, a row at a time.

    Args:
        inputs: int8[n, *input].
        adapters: at least as many as the largest stack takes; None: random ones of every kind.
        stacks: how many of them are active together.
        emulators, board_names: which to compare; None: all boards.
        oracle: None: the best there is.
    """
    rows = check_inputs(base, inputs)
    chosen = list(adapters) if adapters is not None else random_adapters(base.model, max(stacks))
    if len(chosen) < max(stacks):
        raise McueditError(f"{len(chosen)} adapters, a stack of {max(stacks)} was asked for", "give more adapters")
    oracle = oracle or best_oracle(base.model)
    wanted = {n: expected(base, chosen[:n], oracle, rows) for n in stacks}
    if "host" in emulators:
        yield from _host(base, rows, chosen, wanted)
    for name in board_names if board_names is not None else boards.names():
        board = boards.load(name)
        if "unicorn" in board.emulators and "unicorn" in emulators:
            yield from _served(base, board, rows, chosen, wanted, toolchain, opt)
        if "qemu" in board.emulators and "qemu" in emulators:
            yield from _self_tested(base, board, rows, chosen, wanted, toolchain, opt)


def _host(base: Base, rows: Int8Array, adapters: Sequence[Adapter], wanted: dict[int, Int8Array]) -> Iterator[Row]:
    with HostDevice(base, adapters[: max(wanted)]) as device:
        for n, want in wanted.items():
            start = time.perf_counter()
            device.use([i < n for i in range(max(wanted))])
            differing = int((device.run(rows) != want).sum())
            yield Row("host", "", "this machine", n, len(rows), differing, time.perf_counter() - start)


def _served(
    base: Base,
    board: Board,
    rows: Int8Array,
    adapters: Sequence[Adapter],
    wanted: dict[int, Int8Array],
    toolchain: str,
    opt: str,
) -> Iterator[Row]:
    """Through the server app: the output bytes come back over the UART."""
    chosen = adapters[: max(wanted)]
    with open_device(base, chosen, "unicorn", board=board.name, toolchain=toolchain, opt=opt) as device:
        for n, want in wanted.items():
            start = time.perf_counter()
            device.use([i < n for i in range(len(chosen))])
            differing = int((device.run(rows) != want).sum())
            yield Row("unicorn", board.name, board.cpu, n, len(rows), differing, time.perf_counter() - start)


def _self_tested(
    base: Base,
    board: Board,
    rows: Int8Array,
    adapters: Sequence[Adapter],
    wanted: dict[int, Int8Array],
    toolchain: str,
    opt: str,
) -> Iterator[Row]:
    """Through the self-test app: a QEMU UART takes 30 us for a byte of input, compiled-in vectors take none."""
    chosen = adapters[: max(wanted)]
    for n, want in wanted.items():
        if shutil.which(qemu.PROGRAM) is None:
            yield Row("qemu", board.name, board.cpu, n, 0, 0, 0.0, f"{qemu.PROGRAM} is not installed")
            continue
        start = time.perf_counter()
        active = [i < n for i in range(len(chosen))]
        failed = 0
        for at in range(0, len(rows), per_firmware(base, board)):
            part = slice(at, at + per_firmware(base, board))
            failed += self_test(base, board, chosen, rows[part], [(active, want[part])], toolchain=toolchain, opt=opt)
        yield Row("qemu", board.name, board.cpu, n, len(rows), failed, time.perf_counter() - start)


def per_firmware(base: Base, board: Board) -> int:
    """How many vectors of one round fit into a board's flash beside the base."""
    model = base.model
    return max(1, (board.flash.length - len(model.data) - _FLASH_KEPT) // (model.input.size + model.output.size))


def self_test(
    base: Base,
    board: Board,
    adapters: Sequence[Adapter],
    inputs: Int8Array,
    rounds: Sequence[tuple[Sequence[bool], Int8Array]],
    *,
    emulator: str = "qemu",
    toolchain: str = "auto",
    opt: str = "2",
) -> int:
    """Builds and runs the self-test app.

    Returns:
        0 if every byte of every output is as expected, 1 if not.

    Raises:
        McueditError: it cannot be built or run, or the firmware reports an error.
    """
    with tempfile.TemporaryDirectory(prefix="mcuedit-") as folder:
        files = sources(base, adapters) | vectors(inputs, rounds)
        built = build(board, files, "selftest", Path(folder), toolchain=toolchain, opt=opt)
        with open_session(emulator, board, built.elf, timeout=_SELFTEST_TIMEOUT) as session:
            verdict = session.read_line()
    if verdict == f"pass {len(inputs) * len(rounds)}":
        return 0
    if verdict.startswith("fail "):
        return 1
    raise McueditError(f"the self-test on {board.name} said {verdict!r}", "")
