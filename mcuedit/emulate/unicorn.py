# SPDX-License-Identifier: Apache-2.0
"""Unicorn: the Cortex-M that pip installs. Runs the linked ELF; SysTick is these few lines, UARTs are registers.py."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mcuedit.board import Board
from mcuedit.emulate import registers
from mcuedit.emulate.flash import Flash
from mcuedit.emulate.image import segments
from mcuedit.emulate.session import Console, Crash, Fault, PowerCut, Timeout
from mcuedit.emulate.surroundings import Surroundings
from mcuedit.errors import McueditError

NAME = "unicorn"

_SYSTEM_CONTROL = 0xE000E000
_SYSTICK_VALUE = 0x18
_AIRCR, _RESET_REQUEST = 0xD0C, 0x05FA0004
_SYSTICK_MASK = 0xFFFFFFFF  # 32 bits, of which firmware/port/probe.c finds out: there is no exception to count wraps
_REGISTERS = ("pc", "lr", "sp", "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12")


class UnicornSession:
    """One firmware on one virtual board.

    Time passes only inside read_line: it runs the core until the UART's input has run dry. Hence a device that waits
    for more input than was written is found at once, and a run is repeatable to the instruction.

    Args:
        count: SysTick counts instructions. The counting hook costs more than all the rest of the emulation.
        timeout: seconds without output until a running core counts as hanging.
        flash: what firmware writes of its flash, to be kept; None: erased, and gone with the session.
    """

    def __init__(
        self, board: Board, elf: Path, *, count: bool = False, timeout: float = 20.0, flash: Flash | None = None
    ) -> None:
        self._unicorn = _import_unicorn()
        self._console = Console()
        self._input = bytearray()
        self._input_at = 0
        self._dry = False
        self._polled = False
        self._timeout = timeout
        self._fault: Fault | None = None
        self._instructions = 0
        self._block_sizes: dict[tuple[int, int], int] = {}
        self._system: dict[int, int] = {}
        self._reset_requested = False
        self._core = self._make_core(board)
        flash = flash or (Flash.of(board) if board.geometry and board.geometry.driver else None)
        self._around = Surroundings(self._unicorn, self._core, board, self, flash)
        self._core.mmio_map(_SYSTEM_CONTROL, registers.PAGE, self._read_system, None, self._write_system, None)
        self._load(elf)
        self._fresh = self._core.context_save()  # all of the core's registers, as they are after a reset
        if count:
            self._core.hook_add(self._unicorn.UC_HOOK_BLOCK, self._on_block)

    @property
    def text(self) -> str:
        return self._console.text

    def write(self, data: bytes) -> None:
        del self._input[: self._input_at]
        self._input_at = 0
        self._input += data

    def read_line(self) -> str:
        while (line := self._console.next_line()) is None:
            if self._fault is not None:
                raise self._fault
            self._run()
        return line

    def exchange(self, data: bytes, seconds: float) -> bytes:
        """Bytes in, bytes out: runs until the device waits for more; what a reset says is among it.

        Raises:
            EmulationError: as `read_line`.
        """
        said, self._dry = len(self._console.bytes), False
        self.write(data)
        while not self._dry:
            if self._fault is not None:
                raise self._fault
            try:
                self._run()
            except Timeout:
                if not self._dry:
                    raise
        return bytes(self._console.bytes[said:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._core  # frees the guest's memory

    def power_cycle(self) -> None:
        """Power off and on: the flash is as it was, everything else starts again; what was to be said is forgotten."""
        self._around.power_cycle()
        self._console, self._fault = Console(), None
        self._input.clear()
        self._input_at = 0
        self._reset()

    def _make_core(self, board: Board) -> Any:
        uc = self._unicorn
        machine = board.emulation(NAME).machine
        model = getattr(uc.arm_const, f"UC_CPU_ARM_{machine.upper().replace('-', '_')}", None)
        if model is None:
            raise McueditError(f"board {board.name}: unicorn has no machine {machine!r}", "mend the board.toml")
        core = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
        core.ctl_set_cpu_model(model)
        self._vectors = board.flash.origin
        self._hint = "see the pc in the ELF file's symbols"
        if board.fpu == "fpv5-d16":
            self._hint += "; unicorn's Cortex-M7 knows no double precision, qemu's does"
        return core

    def _reset(self) -> None:
        """What SYSRESETREQ does: the core and all around it, but not memory."""
        self._reset_requested = False
        self._system.clear()
        self._around.reset()
        self._core.context_restore(self._fresh)
        self._pc = self._register("pc")

    def _load(self, elf: Path) -> None:
        """Writes every PT_LOAD segment to its physical address and resets the core."""
        try:
            for address, content in segments(elf):
                self._core.mem_write(address, content)
            stack, reset = (int.from_bytes(self._core.mem_read(self._vectors + 4 * i, 4), "little") for i in range(2))
        except self._unicorn.UcError as error:
            raise Crash(f"{elf}: does not fit the board's memory ({error})", "", "build it for this board") from error
        self._core.reg_write(self._unicorn.arm_const.UC_ARM_REG_SP, stack)
        self._core.reg_write(self._unicorn.arm_const.UC_ARM_REG_PC, reset)
        self._pc = reset

    def _run(self) -> None:
        """Runs until the input is dry or a fault; what was said until then is handed out before the fault is raised.

        Raises:
            Timeout: nothing was said.
            PowerCut: as a test wanted.
        """
        said = len(self._console.bytes)
        self._dry = self._polled = False
        end = time.monotonic() + self._timeout
        # Unicorn's timer now and then stops a core long before its time when several run in threads: go on then.
        while not self._dry and len(self._console.bytes) == said and (left := end - time.monotonic()) > 0:
            try:
                self._core.emu_start(self._pc | 1, 0xFFFFFFFF, timeout=int(left * 1e6) + 1)
            except self._unicorn.UcError as error:
                registers = " ".join(f"{name}={self._register(name):#x}" for name in _REGISTERS)
                self._fault = Fault(f"{error}: {registers}", self.text, self._hint)
                return
            if self._around.misuse is not None:
                self._fault = Fault(f"flash: {self._around.misuse}", self.text, "see the driver in firmware/port")
                return
            if not self._around.powered:
                raise PowerCut("power was cut", self.text)
            self._pc = self._register("pc")
            if self._reset_requested:
                self._reset()
        if len(self._console.bytes) == said:
            what = "the firmware waits for input" if self._dry else f"no output for {self._timeout:g} s"
            raise Timeout(what, self.text, "its main loop is stuck, or a command lacks its line end")

    def _register(self, name: str) -> int:
        return int(self._core.reg_read(getattr(self._unicorn.arm_const, f"UC_ARM_REG_{name.upper()}")))

    def receive(self) -> int | None:
        """The UART asks for a byte; asking twice with nothing in between means to wait for input."""
        if self._input_at < len(self._input):
            self._polled = False
            self._input_at += 1
            return self._input[self._input_at - 1]
        if self._polled:
            self._dry = True
            self._core.emu_stop()
        self._polled = True
        return None

    def send(self, byte: int) -> None:
        """The UART says a byte."""
        self._polled = False
        if self._around.powered:
            self._console.bytes.append(byte)

    def _read_system(self, core: Any, offset: int, size: int, data: Any) -> int:
        if offset == _SYSTICK_VALUE:
            return -self._instructions & _SYSTICK_MASK
        return self._system.get(offset, 0)

    def _write_system(self, core: Any, offset: int, size: int, value: int, data: Any) -> None:
        self._system[offset] = value
        if offset == _AIRCR and value & 0xFFFF0004 == _RESET_REQUEST:
            self._reset_requested = True
            self._core.emu_stop()

    def _on_block(self, core: Any, address: int, size: int, data: Any) -> None:
        """Counts a whole block when it is entered, skipped IT instructions too, as QEMU does.

        A probe starts a block of its own (it is a function), so all probes are early by the same few instructions.
        """
        count = self._block_sizes.get((address, size))
        if count is None:
            count = _count_thumb(bytes(core.mem_read(address, size)))
            self._block_sizes[address, size] = count
        self._instructions += count


def _count_thumb(code: bytes) -> int:
    """Instructions in Thumb code: those whose first halfword starts with 0b111 and not 0b11100 are 32 bits wide."""
    at = count = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 > 0b11100 else 2
        count += 1
    return count


def _import_unicorn() -> Any:
    try:
        importlib.import_module("unicorn.arm_const")
        return importlib.import_module("unicorn")
    except ImportError as error:
        raise McueditError(f"unicorn cannot be imported ({error})", "pip install unicorn") from error
