# SPDX-License-Identifier: Apache-2.0
"""dot.c and argmax.c as Cortex-M code: with the DSP extension, without it, and without unaligned loads."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import unicorn
from elftools.elf.elffile import ELFFile
from helpers.deltas import pack
from helpers.native import SHIM, core_sources, includes
from unicorn import arm_const

from mcuedit.build import compilers

X, A, SUMS, STACK, RETURN = 0x2000_0000, 0x2001_0000, 0x2004_0000, 0x2005_0000, 0x0800_0000
CORES = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
COMPILERS = [
    "zig",
    pytest.param("gcc", marks=pytest.mark.skipif(compilers.gcc() is None, reason="arm-none-eabi-gcc is not installed")),
]
LINK = "EXTERN(mcuedit_argmax_s8) SECTIONS { . = 0x1000; .text : { *(.text*) *(.rodata*) } /DISCARD/ : { *(.ARM*) } }"


class Core:
    """shim_row_dots, mcuedit_argmax_s8 and what they call, on an emulated core."""

    def __init__(self, compiler: compilers.Compiler, core: str, folder: Path, opt: str = "2") -> None:
        (folder / "link.ld").write_text(LINK, encoding="utf-8")
        cpu = core.replace("-", "_") if compiler.name == "zig" else core
        target = ["-target", "thumb-freestanding-eabi"] if compiler.name == "zig" else ["-mthumb", "-nostdlib"]
        sources = [str(p) for p in core_sources() if p.name in ("argmax.c", "dot.c")]
        flags = [
            f"-mcpu={cpu}",
            f"-O{opt}",
            "-g",
            "-std=c99",
            "-ffreestanding",
            "-Wl,-T,link.ld",
            "-Wl,-e,shim_row_dots",
        ]
        arguments = [*target, *flags, *includes(), *sources, str(SHIM), "-o", "dots.elf"]
        compiler.run([*arguments, *(["-lgcc"] if compiler.name == "gcc" else [])], folder)
        self._emulator = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._emulator.ctl_set_cpu_model(CORES[core])
        self._emulator.mem_map(0, 0x10000)
        self._emulator.mem_map(X, 0x100000)
        self._emulator.mem_map(RETURN, 0x1000)
        with (folder / "dots.elf").open("rb") as file:
            elf = ELFFile(file)
            self._symbols = {s.name: s["st_value"] | 1 for s in elf.get_section_by_name(".symtab").iter_symbols()}
            for segment in elf.iter_segments("PT_LOAD"):
                self._emulator.mem_write(segment["p_paddr"], segment.data())

    def row_dots(self, x: bytes, a: bytes, n: int, bits: int, sums: list[int], misalign: int) -> list[int]:
        """Of rows at `a`, packed; `x` stands `misalign` bytes behind a word."""
        emulator = self._emulator
        emulator.mem_write(X + misalign, x)
        emulator.mem_write(A, a)
        emulator.mem_write(SUMS, struct.pack(f"<{len(sums)}i", *sums))
        emulator.mem_write(STACK, struct.pack("<II", len(sums), SUMS))
        self._call("shim_row_dots", X + misalign, A, n, bits)
        return list(struct.unpack(f"<{len(sums)}i", emulator.mem_read(SUMS, 4 * len(sums))))

    def argmax(self, values: bytes, misalign: int) -> int:
        """Of values `misalign` bytes behind a word."""
        self._emulator.mem_write(X + misalign, values)
        return self._call("mcuedit_argmax_s8", X + misalign, len(values))

    def _call(self, function: str, *arguments: int) -> int:
        emulator = self._emulator
        registers = [(arm_const.UC_ARM_REG_SP, STACK), (arm_const.UC_ARM_REG_LR, RETURN | 1)]
        for register, value in [*registers, *enumerate(arguments, arm_const.UC_ARM_REG_R0)]:
            emulator.reg_write(register, value)
        emulator.emu_start(self._symbols[function], RETURN, count=10_000_000)
        assert emulator.reg_read(arm_const.UC_ARM_REG_PC) & ~1 == RETURN
        return emulator.reg_read(arm_const.UC_ARM_REG_R0)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("name", COMPILERS)
def test_dots(name: str, core: str, tmp_path: Path) -> None:
    device = Core(compilers.find_compiler(name), core, tmp_path)
    rng = np.random.default_rng(1)
    for bits, limit in ((8, 127), (4, 7)):
        for n in (1, 3, 7, 8, 9, 16, 23, 24, 128, 131, 256, 264, 520, 1031):
            misalign = 0 if core == "cortex-m0" else n % 4
            x = rng.integers(-128, 128, n).astype(np.int8)
            a = rng.integers(-limit, limit + 1, (4, n)).astype(np.int8)
            if n == 520:  # the largest sums that can be
                x[:], a[:] = -128, -limit
            got = device.row_dots(x.tobytes(), pack(a, bits), n, bits, [1, -2, 3, -4], misalign)
            assert got == (a.astype(int) @ x.astype(int) + [1, -2, 3, -4]).tolist(), (bits, n)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("name", COMPILERS)
def test_the_first_of_the_largest_is_found(name: str, core: str, tmp_path: Path) -> None:
    device = Core(compilers.find_compiler(name), core, tmp_path)
    rng = np.random.default_rng(3)
    for n in (1, 2, 3, 4, 5, 6, 8, 9, 13, 64, 531):
        for low, high in ((-128, 128), (-128, -126), (-1, 2), (126, 128), (0, 1)):
            for _ in range(4):
                values = rng.integers(low, high, n).astype(np.int8)
                assert device.argmax(values.tobytes(), n % 4) == values.argmax(), values
    for at in range(20):  # alone above zeros, and above all that is negative
        values = np.zeros(20, np.int8)
        values[at] = 1
        assert device.argmax(values.tobytes(), 0) == at
        assert device.argmax((values - 100).tobytes(), 0) == at


@pytest.mark.parametrize("opt", ["2", "s"])
@pytest.mark.parametrize("name", COMPILERS)
def test_widths_alternate(name: str, opt: str, tmp_path: Path) -> None:
    """Unpacked and packed: -Os leaves the code for unpacked rows out."""
    device = Core(compilers.find_compiler(name), "cortex-m4", tmp_path, opt)
    rng = np.random.default_rng(2)
    n, widths = 48, [8, 4, 8, 4, 4, 8, 8, 4]
    x = rng.integers(-128, 128, n).astype(np.int8)
    a = rng.integers(-7, 8, (len(widths), n)).astype(np.int8)
    rows = b"".join(pack(a[i : i + 1], bits).ljust(n, b"\0") for i, bits in enumerate(widths))
    mask = sum(1 << i for i, bits in enumerate(widths) if bits == 4)
    got = device.row_dots(x.tobytes(), rows, n, mask << 8, [0] * len(widths), 0)
    assert got == (a.astype(int) @ x.astype(int)).tolist()
