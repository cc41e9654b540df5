# SPDX-License-Identifier: Apache-2.0
"""C functions linked for a bare Cortex-M and called one by one on unicorn: their size, instructions and stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm_const

from helpers.native import WARNINGS, includes
from mcuedit._util import resources
from mcuedit.boards.board import load
from mcuedit.build import compilers
from mcuedit.emulate.backends.image import address_of, segments
from mcuedit.emulate.blocks import count_thumb

_FLASH, _RAM, _SIZE = 0x0000_0000, 0x2000_0000, 0x10_0000
_END = _FLASH + _SIZE - 0x1000  # where functions return to
_ARGUMENTS = _RAM + _SIZE // 2  # up from here: what functions are given
_FILL = 0xA5
_SCRIPT = """
MEMORY { flash (rx) : ORIGIN = 0x100, LENGTH = 0xf0000
         ram (rw) : ORIGIN = 0x20000000, LENGTH = 0x10000 }
SECTIONS {
  .text : { *(.text*) *(.rodata*) } > flash
  .data : { *(.data*) } > ram AT > flash
  .bss : { *(.bss*) *(COMMON) } > ram
  /DISCARD/ : { *(.ARM.exidx*) *(.ARM.attributes) *(.comment) }
}
"""


@dataclass(frozen=True)
class Call:
    """What a call took: `result` is r0 as int32, `stack` is in bytes; 0 instructions if they were not counted."""

    result: int
    instructions: int
    stack: int


class Bare:
    """Functions and what they need, with -Os and nothing of a C library but firmware/port/mem.c.

    Args:
        board: a virtual board, which names the core.
        roots: functions to be kept.
        foreign: files of others, compiled without warnings.
    """

    def __init__(
        self,
        board: str,
        roots: Sequence[str],
        sources: Sequence[Path],
        folder: Path,
        *,
        foreign: Sequence[Path] = (),
        flags: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        compiler, self._board = compilers.find_compiler("gcc"), load(board)
        target = (*compiler.target(self._board), "-ffreestanding", "-Os", "-ffunction-sections", "-fdata-sections")
        memory = resources.path("firmware") / "port" / "mem.c"
        objects = []
        for source in (*sources, memory, *foreign):
            own = ("-w",) if source in foreign else WARNINGS
            arguments = [*target, *own, *includes(), "-I.", *flags, "-c", str(source), "-o", f"{source.stem}.o"]
            compiler.compile(arguments, folder)
            objects.append(f"{source.stem}.o")
        (folder / "bare.ld").write_text(_SCRIPT, encoding="utf-8")
        kept = [f"-Wl,-u,{root}" for root in roots]
        self.elf = folder / "bare.elf"
        options = ["-Wl,--gc-sections", "-Wl,-e,0", "-Wl,-T,bare.ld", *kept, *compiler.libraries]
        compiler.run([*target, *objects, *options, "-o", self.elf.name], folder)

    @property
    def code(self) -> int:
        """Bytes of code and constants."""
        with self.elf.open("rb") as file:
            return int(ELFFile(file).get_section_by_name(".text")["sh_size"])

    @property
    def ram(self) -> int:
        """Bytes of variables."""
        with self.elf.open("rb") as file:
            sections = (ELFFile(file).get_section_by_name(name) for name in (".data", ".bss"))
            return sum(int(section["sh_size"]) for section in sections if section)

    def call(self, function: str, *arguments: int | bytes, count: bool = False) -> Call:
        """Calls a function on a fresh machine with integers and the addresses of (4-byte aligned) bytes.

        Args:
            count: instructions, which takes most of the time.
        """
        machine = self._board.emulation("unicorn").machine.upper().replace("-", "_")
        core = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        core.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{machine}"))
        core.mem_map(_FLASH, _SIZE, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        core.mem_map(_RAM, _SIZE)
        for address, content in segments(self.elf, self._board):
            core.mem_write(address, content)
        stack, place = _RAM + _SIZE // 4, _ARGUMENTS
        core.mem_write(stack - 0x10000, bytes([_FILL]) * 0x10000)
        words = []
        for argument in arguments:
            words.append(argument if isinstance(argument, int) else place)
            if isinstance(argument, bytes):
                core.mem_write(place, argument)
                place += (len(argument) + 7) // 4 * 4
        core.mem_write(stack, b"".join(word.to_bytes(4, "little") for word in words[4:]))
        for register, word in zip(range(arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R3 + 1), words, strict=False):
            core.reg_write(register, word)
        core.reg_write(arm_const.UC_ARM_REG_SP, stack)
        core.reg_write(arm_const.UC_ARM_REG_LR, _END | 1)
        counted = [0]

        def on_block(core: unicorn.Uc, address: int, size: int, data: object) -> None:
            counted[0] += count_thumb(bytes(core.mem_read(address, size)))

        if count:
            core.hook_add(unicorn.UC_HOOK_BLOCK, on_block)
        core.emu_start(address_of(self.elf, function) | 1, _END)
        below = bytes(core.mem_read(stack - 0x10000, 0x10000))
        result = int(core.reg_read(arm_const.UC_ARM_REG_R0))
        used = len(below.lstrip(bytes([_FILL])))
        return Call(result - (result >> 31 << 32), counted[0], used)
