# SPDX-License-Identifier: Apache-2.0
"""The library as any compiler of a user may have it: standards, optimizations, warnings of gcc and clang."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from helpers.compiling import CXX_STANDARDS, OPTIMIZATIONS, STANDARDS, compile_all
from helpers.crypto import crypto_sources

from mcuedit._util import resources
from mcuedit.build.external import zcbor

QUICK = {("gcc", "c99", "-Os"), ("gcc", "c17", "-O2 -flto"), ("clang", "c11", "-O2 -fshort-enums")}
CORES = (("-mcpu=cortex-m0",), ("-mcpu=cortex-m4",), ("-mcpu=cortex-m55",))

AUTHORITY = "MCUEDIT_AUTHORITY=1"
FIRMWARE = resources.path("firmware")
INCLUDE = f"-I{FIRMWARE / 'include'}"
HEADERS = sorted(path.name for path in (FIRMWARE / "include" / "mcuedit").glob("*.h"))


def sources() -> list[Path]:
    """All of the library, and what of SMP takes no library of others."""
    files = [path for folder in resources.LIBRARY for path in sorted((FIRMWARE / folder).glob("*.c"))]
    return [*files, *crypto_sources(signatures=False)]


def whole(standard: str, optimization: str) -> bool:
    """Whether a pair is compiled to the end: one standard for each optimization. The front end alone sees the others.

    No line depends on the standard, so an optimizer gets the same from each.
    """
    return STANDARDS[OPTIMIZATIONS.index(optimization) % len(STANDARDS)] == standard


@pytest.mark.parametrize(
    ("compiler", "standard", "optimization"),
    [
        pytest.param(*one, marks=() if one in QUICK else pytest.mark.slow)
        for one in itertools.product(("gcc", "clang"), STANDARDS, OPTIMIZATIONS)
    ],
)
def test_every_standard_and_optimization_without_a_warning(
    compiler: str, standard: str, optimization: str, tmp_path: Path
) -> None:
    front = () if whole(standard, optimization) or (compiler, standard, optimization) in QUICK else ("-fsyntax-only",)
    compile_all(compiler, sources(), tmp_path, INCLUDE, f"-std={standard}", *optimization.split(), *front)


@pytest.mark.parametrize(
    ("core", "optimization"),
    [
        pytest.param(core, opt, marks=() if (core, opt) == (CORES[1], "-Os") else pytest.mark.slow)
        for core, opt in itertools.product(CORES, OPTIMIZATIONS)
        if "-fshort-enums" not in opt  # enums of this target are short
    ],
)
def test_microcontrollers_without_a_warning(core: tuple[str, ...], optimization: str, tmp_path: Path) -> None:
    flags = ("-std=c99", "-mthumb", "-ffreestanding", *core, *optimization.split())
    compile_all("arm-none-eabi-gcc", sources(), tmp_path, INCLUDE, *flags)


@pytest.mark.parametrize(
    "options", ["MCUEDIT_TRACE=1", "MCUEDIT_TRAIN_FLOAT=1", "MCUEDIT_STORE_DEVELOPMENT=1", AUTHORITY]
)
def test_options_without_a_warning(options: str, tmp_path: Path) -> None:
    compile_all("gcc", sources(), tmp_path, INCLUDE, "-std=c99", "-O1", f"-D{options}")


@pytest.mark.parametrize("options", ["MCUEDIT_AUTHORITY=0", AUTHORITY, "MCUEDIT_TEACHING=1"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_smp_without_a_warning(compiler: str, options: str, tmp_path: Path) -> None:
    flags = [flag.replace("-I", "-isystem", 1) if flag.startswith("-I") else flag for flag in zcbor.find().flags]
    compile_all(
        compiler, sorted((FIRMWARE / "smp").glob("*.c")), tmp_path, INCLUDE, "-std=c99", "-O1", f"-D{options}", *flags
    )


@pytest.mark.parametrize("options", ["MCUEDIT_AUTHORITY=0", AUTHORITY])
@pytest.mark.parametrize("standard", CXX_STANDARDS)
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_headers_are_cxx_each_by_itself(compiler: str, standard: str, options: str, tmp_path: Path) -> None:
    for name in HEADERS:
        (tmp_path / f"{name}.cpp").write_text(f'#include "mcuedit/{name}"\n', encoding="utf-8")
    files = [tmp_path / f"{name}.cpp" for name in HEADERS]
    compile_all(compiler, files, tmp_path, INCLUDE, f"-std={standard}", f"-D{options}", "-fsyntax-only")
