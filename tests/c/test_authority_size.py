# SPDX-License-Identifier: Apache-2.0
"""What authority over commands takes on M4, -Os, beside the check of signatures that is there. Measured with gcc 12."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from helpers.native import includes

from mcuedit._util import resources
from mcuedit.build import compilers
from mcuedit.build.external import zcbor

CODE, RAM = 1536, 200  # bytes
WITHOUT = 10_850  # code and constants of the same files without it, as before it came
GCC = compilers.gcc()
FIRMWARE = resources.path("firmware")
FILES = [*sorted((FIRMWARE / "smp").glob("*.c")), *sorted((FIRMWARE / "store").glob("*.c")), FIRMWARE / "core/error.c"]
TARGET = ("-mcpu=cortex-m4", "-mthumb", "-std=c99", "-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections")
HELD = """
#include "mcuedit/smp.h"
char ram[sizeof(mcuedit_store) + sizeof(mcuedit_smp)];
#if MCUEDIT_AUTHORITY
mcuedit_authority authority = {.key_count = 1};
#endif
"""

needs_gcc = pytest.mark.skipif(
    GCC is None or not GCC.version().startswith("12."), reason="arm-none-eabi-gcc 12 is not installed"
)


def sizes(folder: Path, *defines: str) -> tuple[int, int]:
    """Code with constants, and RAM."""
    folder.mkdir()
    (folder / "held.c").write_text(HELD)
    flags = [*TARGET, *includes(), *zcbor.find().flags, "-isystem", str(FIRMWARE / "smp/libc"), *defines]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", *map(str, FILES), "held.c"], cwd=folder, check=True)
    objects = [f"{file.stem}.o" for file in FILES]

    def sections(*names: str) -> list[list[int]]:
        command = ["arm-none-eabi-size", *names]
        lines = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
        return [[int(field) for field in line.split()[:3]] for line in lines]

    return sum(text for text, _, _ in sections(*objects)), sum(sections("held.o")[0][1:])


@needs_gcc
def test_what_authority_takes(tmp_path: Path) -> None:
    without, with_it = sizes(tmp_path / "without"), sizes(tmp_path / "with", "-DMCUEDIT_AUTHORITY=1")
    code, ram = (b - a for a, b in zip(without, with_it, strict=True))
    print(f"authority on M4, -Os: {code} bytes of code, {ram} of RAM; without it {without}")
    assert code <= CODE
    assert ram <= RAM
    assert without[0] <= WITHOUT
