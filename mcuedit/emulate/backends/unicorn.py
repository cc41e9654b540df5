# SPDX-License-Identifier: Apache-2.0
"""Unicorn: the Cortex-M that pip installs. Runs the linked ELF; SysTick is these few lines, UARTs are registers.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcuedit.boards.board import Board
from mcuedit.emulate.backends import unicorn_core
from mcuedit.emulate.backends.backend import Backend
from mcuedit.emulate.backends.session import Console, EmulationError, Fault, PowerCut, Timeout, Uart, silence
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


class UnicornSession(Uart):
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
        super().__init__()
        self._unicorn = unicorn_core.load_unicorn()
        self._taken = 0
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
        self._core = unicorn_core.make(self._unicorn, board, board.emulation(NAME).machine)
        self._hint = unicorn_core.hint(board)
        flash = flash or (Flash.of(board) if board.geometry and board.geometry.driver else None)
        self._around = Surroundings(self._unicorn, self._core, board, self, flash)
        self._core.mmio_map(_SYSTEM_CONTROL, registers.PAGE, self._read_system, None, self._write_system, None)
        self._pc = unicorn_core.load(self._unicorn, self._core, elf, board)
        self._fresh = self._core.context_save()  # all of the core's registers, as they are after a reset
        if count:
            self._core.hook_add(self._unicorn.UC_HOOK_BLOCK, self._blocks.enter)

    def write(self, data: bytes) -> None:
        del self._output[: self._taken]
        self._taken = 0
        super().write(data)

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
        self._output.clear()
        self._taken = 0
        self._reset()

    def _reset(self) -> None:
        """What SYSRESETREQ does: the core and all around it, but not memory."""
        self._reset_requested = False
        self._system.clear()
        self._around.reset()
        self._core.context_restore(self._fresh)
        self._pc = self._where()

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
            state = unicorn_core.registers(self._unicorn, self._core)
            self._fault = Fault(f"{error}: {state}", self.text, self._hint)
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
            self._pc = self._where()
        else:
            self._fault = Fault("something else stopped the core", self.text, "a bug: please report it")

    def _asleep(self) -> bool:
        """Whether the core waits for an interrupt: there is none, so that it goes on."""
        return bytes(self._core.mem_read(self._where() - len(_WFI), len(_WFI))) == _WFI

    def _where(self) -> int:
        """The address of the next instruction."""
        return unicorn_core.register(self._unicorn, self._core, "pc")

    def receive(self) -> int | None:
        """The UART asks for a byte; asking twice with nothing in between means to wait for input."""
        if self._taken < len(self._output):
            self._polled = False
            self._moved += 1
            self._taken += 1
            return self._output[self._taken - 1]
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


BACKEND: Backend = Backend(
    NAME,
    "virtual and real boards",
    session=lambda board, elf, start: UnicornSession(
        board, elf, count=start.count, timeout=start.timeout, flash=start.flash
    ),
    board="virt-m4",
    find=unicorn_core.load_unicorn,
    version=unicorn_core.version,
    install="pip install unicorn",
    needed=True,
    keeps_flash=True,
    serves=True,
)
