# SPDX-License-Identifier: Apache-2.0
"""The address and undefined-behaviour sanitizers while a gate and factors are trained."""

from __future__ import annotations

import subprocess
import zlib
from pathlib import Path

import pytest
from helpers.native import SANITIZERS, core_sources, includes, link
from helpers.training_cases import factors_case, gate_case, master_bytes

from mcuedit.build import compilers

PORT = """#include <stdio.h>
#include <stdlib.h>
#include "port/port.h"
uint8_t port_uart_read(void) { exit(0); }
void port_print(const char *text) { printf("%s", text); }
void port_print_hex(uint32_t value, uint32_t digits) { printf("%0*x", (int)digits, (unsigned)value); }
"""


def said(compiler: compilers.Compiler, files: dict[str, str], folder: Path, *flags: str) -> list[str]:
    """Lines of the program, which must end without a complaint."""
    for name, text in (files | {"port.c": PORT}).items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = [*(name for name in files if name.endswith(".c")), "port.c", *core_sources("train")]
    flags = (*SANITIZERS, *flags, *includes(), "-I.")
    link(folder, sources, *flags, output="trained", compiler=compiler)
    done = subprocess.run([folder / "trained"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_gate(compiler: compilers.Compiler, tmp_path: Path) -> None:
    _, _, twin, files = gate_case(40)
    lines = said(compiler, files, tmp_path)
    twin.run()
    assert lines[-2] == f"{zlib.crc32(twin.w.astype('<i2').tobytes()):08x}"
    assert lines[-1].startswith("adapter ")


@pytest.mark.parametrize("way", ["", "stochastic", "floats"])
def test_factors(compiler: compilers.Compiler, tmp_path: Path, way: str) -> None:
    twin, files = factors_case(200, **{way: True} if way else {})
    lines = said(compiler, files, tmp_path, *(["-DMCUEDIT_TRAIN_FLOAT"] if twin.floats else []))
    twin.run()
    assert lines[-2] == f"{zlib.crc32(master_bytes(twin)):08x}"
