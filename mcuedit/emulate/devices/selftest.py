# SPDX-License-Identifier: Apache-2.0
"""The self-test app: vectors lie in the ELF file, so that neither a UART nor a compiler slows them down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcuedit._util import system
from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.boards.board import Board
from mcuedit.build.options import PLAIN, BuildOptions
from mcuedit.emulate import open_session
from mcuedit.emulate.backends.image import fill
from mcuedit.emulate.devices.device import check_active, check_inputs
from mcuedit.emulate.devices.firmware import build_app, mask_bytes
from mcuedit.model.bundle import Base

_SECTION = ".selftest"  # firmware/apps/selftest
_FLASH_KEPT = 96 * 1024  # of a board without memory of its own for vectors: code, constants and adapters
_TIMEOUT = 300.0  # seconds, as `open_session`: a self-test says nothing until its end


class SelfTest(Closing):
    """A base with its adapters in the self-test app: built once, run with any vectors.

    Args:
        capacity: vectors that a run will have at most; fewer if the board's memory is smaller.
        options: as `mcuedit.emulate.devices.firmware.build_app`.

    Attributes:
        elf: the firmware.
        capacity: vectors that a run can have.

    Raises:
        McueditError: it cannot be built.
    """

    def __init__(
        self,
        base: Base,
        adapters: Sequence[Adapter],
        emulator: str,
        board: Board,
        *,
        capacity: int,
        options: BuildOptions = PLAIN,
    ) -> None:
        board.emulation(emulator)
        self._base, self._adapters, self._emulator, self._board = base, len(adapters), emulator, board
        vector = base.model.input_size + base.model.output_size
        header = 8 + len(mask_bytes([False] * len(adapters)))  # the count, the mask, and what rounds up to words
        self.capacity = max(1, min(capacity, (_memory(base, board) - header) // vector))
        self._folder = system.folder()
        try:
            self.elf = build_app(
                "selftest",
                base,
                adapters,
                board,
                Path(self._folder.name),
                options.defining([f"SELFTEST_SIZE={self.capacity * vector}"]),
            ).elf
        except BaseException:
            self._folder.cleanup()
            raise

    def run(self, active: Sequence[bool], inputs: Int8Array, expected: Int8Array) -> int:
        """Starts the firmware anew and waits for its verdict.

        Args:
            active: which adapters take part.
            inputs: int8[n, *input], n at most `capacity`.
            expected: int8[n, output size].

        Returns:
            How many of the output bytes are not as expected.

        Raises:
            McueditError: the firmware reports an error, or anything but the verdict.
        """
        samples, mask = check_inputs(self._base, inputs), mask_bytes(check_active(active, self._adapters))
        if len(samples) > self.capacity or len(samples) != len(expected):
            raise McueditError(f"{len(samples)} inputs and {len(expected)} outputs, capacity {self.capacity}", "")
        fill(self.elf, _SECTION, len(samples).to_bytes(4, "little") + mask + samples.tobytes() + expected.tobytes())
        with open_session(self._emulator, self._board, self.elf, timeout=_TIMEOUT) as session:
            verdict = session.read_line()
        word, *numbers = verdict.split(" ")
        if verdict == f"pass {len(samples)}":
            return 0
        if word == "fail" and len(numbers) == 2 and numbers[1].isdecimal() and int(numbers[1]) > 0:
            return int(numbers[1])
        raise McueditError(f"the self-test on {self._board.name} said {verdict!r}", "")

    def close(self) -> None:
        """Removes the build."""
        self._folder.cleanup()


def _memory(base: Base, board: Board) -> int:
    """Bytes for vectors."""
    if board.selftest:
        return board.selftest.length
    return board.code.length - len(base.model.data) - _FLASH_KEPT
