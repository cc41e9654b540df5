# SPDX-License-Identifier: Apache-2.0
"""Unicorn: the Cortex-M that pip installs. Runs the linked ELF; SysTick is these few lines, UARTs are registers.py."""

from __future__ import annotations

import importlib
from importlib import metadata
from pathlib import Path
from typing import Any

from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.emulate.backends.backend import Backend
from mcuedit.emulate.backends.image import segments
from mcuedit.emulate.backends.session import Console, Crash, EmulationError, Fault, PowerCut, Timeout, silence
from mcuedit.emulate.blocks import Blocks
from mcuedit.emulate.peripherals import registers
from mcuedit.emulate.peripherals.flash import Flash
from mcuedit.emulate.peripherals.surroundings import Surroundings
from mcuedit.emulate.progress import Watchdog

NAME = "unicorn"

_SYSTEM_CONTROL = 0xE000E000
_SYSTICK_VALUE = 0x18
_AIRCR, _RESET_REQUEST = 0xD0C, 0x05FA0004
_SYSTICK_MASK = 0xFFFFFFFF  # 32 bits, of which firmware/port/trace.c finds out: there is no exception to count wraps
_WFI = b"\x30\xbf"
_REGISTERS = ("pc", "lr", "sp", "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12")


class UnicornSession(Closing):
    """One firmware on one virtual board.

    Time passes only inside read_line: it runs the core until the UART's input has run dry. Hence a device that waits
    for more input than was written is found at once, and a run is repeatable to the instruction.

    Unicorn leaves a core that is told to stop at the next load, store or block, and goes on before that instruction:
    an access to a register then takes place twice, and a load of two words may find its address overwritten. So a core
    goes on only after it was stopped while it read a UART that has no byte for it, which it may read again. Whatever
    is stopped anywhere else (`end`) goes on no more, until its power is off and on again.

    Args:
        count: SysTick counts instructions. The counting hook costs more than all the rest of the emulation.
        timeout: seconds of processor time in which no byte went in or out, until a running core counts as hanging.
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
        self._moved = 0  # bytes, either way
        self._fault: EmulationError | None = None
        self._watchdog = Watchdog(timeout, lambda: self._moved, self.end)
        self._silence = silence(timeout)
        self._ended = False
        self._blocks = Blocks()
        self._system: dict[int, int] = {}
        self._reset_requested = False
        self._core = self._make_core(board)
        flash = flash or (Flash.of(board) if board.geometry and board.geometry.driver else None)
        self._around = Surroundings(self._unicorn, self._core, board, self, flash)
        self._core.mmio_map(_SYSTEM_CONTROL, registers.PAGE, self._read_system, None, self._write_system, None)
        self._load(elf, board)
        self._fresh = self._core.context_save()  # all of the core's registers, as they are after a reset
        if count:
            self._core.hook_add(self._unicorn.UC_HOOK_BLOCK, self._blocks.enter)

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

    def close(self) -> None:
        del self._core  # frees the guest's memory

    def end(self) -> None:
        """Stops the core wherever it is, from any thread: read_line fails from then on, until `power_cycle`."""
        self._ended = True
        self._core.emu_stop()

    def power_cycle(self) -> None:
        """Power off and on: the flash is as it was, everything else starts again; what was to be said is forgotten."""
        self._around.power_cycle()
        self._console, self._fault, self._ended = Console(), None, False
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

    def _load(self, elf: Path, board: Board) -> None:
        """Writes every PT_LOAD segment to its physical address and resets the core."""
        try:
            for address, content in segments(elf, board):
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
        with self._watchdog:
            while not self._dry and self._fault is None and len(self._console.bytes) == said:
                self._run_once()
        if self._fault is None and len(self._console.bytes) == said:
            raise Timeout("the firmware waits for input", self.text, "a command lacks its line end")

    def _run_once(self) -> None:
        """Runs until something stops the core."""
        try:
            if not self._ended:
                self._core.emu_start(self._pc | 1, 0xFFFFFFFF)
        except self._unicorn.UcError as error:
            registers = " ".join(f"{name}={self._register(name):#x}" for name in _REGISTERS)
            self._fault = Fault(f"{error}: {registers}", self.text, self._hint)
            return
        if self._around.misuse is not None:
            self._fault = Fault(f"flash: {self._around.misuse}", self.text, "see the driver in firmware/port")
        elif not self._around.powered:
            raise PowerCut("power was cut", self.text)
        elif self._ended:
            what, hint = self._silence if self._watchdog.expired else ("the board was stopped", "")
            self._fault = Timeout(what, self.text, hint)
        elif self._reset_requested:
            self._reset()
        elif self._dry or self._asleep():
            self._pc = self._register("pc")
        else:
            self._fault = Fault("something else stopped the core", self.text, "a bug: please report it")

    def _asleep(self) -> bool:
        """Whether the core waits for an interrupt: there is none, so that it goes on."""
        return bytes(self._core.mem_read(self._register("pc") - len(_WFI), len(_WFI))) == _WFI

    def _register(self, name: str) -> int:
        return int(self._core.reg_read(getattr(self._unicorn.arm_const, f"UC_ARM_REG_{name.upper()}")))

    def receive(self) -> int | None:
        """The UART asks for a byte; asking twice with nothing in between means to wait for input."""
        if self._input_at < len(self._input):
            self._polled = False
            self._moved += 1
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
        self._moved += 1
        if self._dry:  # the read that was to stop the core stands in an IT block, which unicorn does not leave
            hint = "read the UART's status outside IT blocks"
            self._fault = Fault("the core went on after its stop", self.text, hint)
            return
        if self._around.powered:
            self._console.bytes.append(byte)

    def _read_system(self, core: Any, offset: int, size: int, data: Any) -> int:
        if offset == _SYSTICK_VALUE:
            return -self._blocks.executed & _SYSTICK_MASK
        return self._system.get(offset, 0)

    def _write_system(self, core: Any, offset: int, size: int, value: int, data: Any) -> None:
        self._system[offset] = value
        if offset == _AIRCR and value & 0xFFFF0004 == _RESET_REQUEST:
            self._reset_requested = True
            self._core.emu_stop()


def _import_unicorn() -> Any:
    try:
        importlib.import_module("unicorn.arm_const")
        return importlib.import_module("unicorn")
    except ImportError as error:
        raise McueditError(f"unicorn cannot be imported ({error})", "pip install unicorn") from error


def _version() -> str:
    _import_unicorn()
    try:
        return metadata.version("unicorn")
    except metadata.PackageNotFoundError:
        return "unknown version"


BACKEND: Backend = Backend(
    NAME,
    "virtual and real boards",
    session=lambda board, elf, start: UnicornSession(
        board, elf, count=start.count, timeout=start.timeout, flash=start.flash
    ),
    board="virt-m4",
    find=_import_unicorn,
    version=_version,
    install="pip install unicorn",
    needed=True,
    keeps_flash=True,
    serves=True,
)
