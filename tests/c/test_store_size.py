# SPDX-License-Identifier: Apache-2.0
"""What the store takes: code, RAM, instructions of a swap. Measured with gcc 12."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import unicorn
import unicorn.arm_const
from elftools.elf.elffile import ELFFile
from helpers.native import includes, source

from mcuedit.build import compilers

CODE, RAM = 4096, 512  # bytes: store and check of packages on M4, without cryptography; the store of 8 slots
GCC = compilers.gcc()

needs_gcc = pytest.mark.skipif(
    GCC is None or not GCC.version().startswith("12."), reason="arm-none-eabi-gcc 12 is not installed"
)


@needs_gcc
def test_code_and_ram(tmp_path: Path) -> None:
    files = [source(name) for name in ("store", "slots", "journal", "package")]
    assert code(files, tmp_path) <= CODE
    (tmp_path / "ram.c").write_text('#include "mcuedit/store.h"\nchar ram[sizeof(mcuedit_store)];\n')
    run_gcc("-c", "ram.c", folder=tmp_path)
    assert sections(tmp_path / "ram.o")[2] <= RAM


TARGET = ("-mcpu=cortex-m4", "-mthumb", "-std=c99", "-Os", "-ffreestanding", "-ffunction-sections")
LOCAL = "mcuedit_store_stage_local"  # linked where adapters are made on the device, only


def run_gcc(*arguments: str, folder: Path) -> None:
    subprocess.run(["arm-none-eabi-gcc", *TARGET, *includes(), *arguments], cwd=folder, check=True)


def sections(path: Path) -> list[int]:
    """text, data, bss."""
    lines = subprocess.run(["arm-none-eabi-size", str(path)], capture_output=True, text=True, check=True).stdout
    return [int(field) for field in lines.splitlines()[1].split()[:3]]


def code(files: list[Path], folder: Path) -> int:
    """Bytes of code and constants, without what only on-device learning calls."""
    total = 0
    for file in files:
        run_gcc("-c", str(file), "-o", f"{file.stem}.o", folder=folder)
        if file.parent.name == "store":
            objcopy = ["arm-none-eabi-objcopy", "--remove-section", f".text.{LOCAL}", f"{file.stem}.o"]
            subprocess.run(objcopy, cwd=folder, check=True)
        total += sum(sections(folder / f"{file.stem}.o")[:2])
    return total


SWAP = """
#include "mcuedit/store.h"
static mcuedit_context context;
static const mcuedit_store_config config = {.active = &context};
static mcuedit_adapter adapters[4];
static mcuedit_store store;
static mcuedit_store_set sets[2];
void prepare(void) {
    for (int i = 0; i < 2; i++) {
        sets[i].set.adapters = sets[i].adapters;
        sets[i].set.count = 4;
        for (int k = 0; k < 4; k++) sets[i].adapters[k] = &adapters[k];
        store.arms[i] = &sets[i];
    }
    store.config = &config;
    store.state.in_trial = 1;
}
void swap(void) {
    mcuedit_store_pick(&store, 1);
    mcuedit_context_latch(&context);
}
void stop(void) {}
"""


@needs_gcc
def test_a_swap_takes_few_instructions(tmp_path: Path) -> None:
    (tmp_path / "swap.c").write_text(SWAP)
    files = [str(source(name)) for name in ("store", "context")]
    link = ("-nostdlib", "-Wl,-Ttext=0x10000,-Tdata=0x20000,-Tbss=0x20000,--gc-sections,-e,swap,-u,prepare,-u,stop")
    run_gcc(*link, "swap.c", *files, "-lgcc", "-o", "swap.elf", folder=tmp_path)
    with (tmp_path / "swap.elf").open("rb") as file:
        elf = ELFFile(file)
        at = {symbol.name: symbol["st_value"] for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
        core = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        core.mem_map(0, 0x40000)
        for part in elf.iter_segments():
            core.mem_write(part["p_vaddr"], part.data())
    executed: list[int] = []
    core.hook_add(unicorn.UC_HOOK_CODE, lambda _core, address, _size, _data: executed.append(address))
    for name in ("prepare", "swap"):
        executed.clear()
        core.reg_write(unicorn.arm_const.UC_ARM_REG_SP, 0x3F000)
        core.reg_write(unicorn.arm_const.UC_ARM_REG_LR, at["stop"])
        core.emu_start(at[name] | 1, at["stop"] & ~1, count=100_000)
    assert 20 < len(executed) <= 120  # 200 are allowed; with four adapters
