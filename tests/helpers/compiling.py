# SPDX-License-Identifier: Apache-2.0
"""Compilers as users may have them: what tests/c/test_compilers*.py sweep."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wpedantic", "-Wshadow", "-Wundef")
STANDARDS = ("c99", "c11", "c17")
CXX_STANDARDS = ("c++17", "c++20")
OPTIMIZATIONS = ("-O0", "-Os", "-O2", "-O2 -flto", "-O2 -fshort-enums")


def compile_all(compiler: str, files: Sequence[Path], folder: Path, *flags: str) -> None:
    """All of them without a warning; files of one name in different folders in calls of their own."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    rest = list(files)
    while rest:
        once = {path.name: path for path in rest}
        rest = [path for path in rest if once[path.name] != path]
        command = [compiler, *WARNINGS, *flags, "-c", *map(str, once.values())]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
