# SPDX-License-Identifier: Apache-2.0
"""Firmware that many tests run: built once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from helpers.virtual import BuildEcho

from mcuedit import board
from mcuedit.build import BuildResult, build


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> BuildEcho:
    """echo(board name, toolchain) builds tests/emulate/echo.c."""
    source = (Path(__file__).parent / "echo.c").read_text()

    @cache
    def make(name: str, compiler: str = "auto") -> BuildResult:
        folder = tmp_path_factory.mktemp(f"echo-{name}-{compiler}")
        return build(board.load(name), {"echo.c": source}, None, folder, toolchain=compiler, defines=("MCUEDIT_PROBE",))

    return make
