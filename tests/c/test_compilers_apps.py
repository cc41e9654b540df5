# SPDX-License-Identifier: Apache-2.0
"""Apps, ports, the wrapper of TFLM and generated code without a warning, as test_compilers.py has the library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers import packages, tiny, trainer
from helpers.compiling import CXX_STANDARDS, OPTIMIZATIONS, STANDARDS, compile_all
from helpers.tflm_here import needs_tree

from mcuedit import codegen
from mcuedit._util import resources
from mcuedit.boards import board
from mcuedit.build.apps import APPS
from mcuedit.build.external import tflm, zcbor
from mcuedit.codegen import FactorSetup, TrainSetup
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate.devices.firmware import sources
from mcuedit.emulate.devices.learner import learning_sources
from mcuedit.emulate.devices.updatable import device_sources
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

FIRMWARE = resources.path("firmware")
ON_HOST = ("hostlib", "device_process")
ON_BOARD = tuple(app for app in APPS if app is not None and app not in ON_HOST)
# One for each driver of a flash or UART.
BOARDS = (
    *("virt-m4", "nucleo_h753zi", "mps2-an386", "nrf52840dk", "nucleo_g071rb", "nucleo_l552ze_q"),
    *("stm32f072b_discovery", "stm32f4_discovery"),
)
ARM = {"arm-none-eabi-gcc": (), "clang": ("--target=arm-none-eabi",)}
QUICK = {("arm-none-eabi-gcc", "c99", "-Os"), ("clang", "c11", "-O2 -fshort-enums")}
QUICK_HOST = {("gcc", "c11", "-O2 -flto"), ("clang", "c99", "-Os")}
BASE = Base("base", parse(tiny.classifier((16, 24, 12, 8), per_channel=True), "base"))
TAP = 2


def generated(app: str) -> dict[str, str]:
    if app in ("device", "device_process", "device_learning"):
        files = device_sources(BASE, [packages.public()], operators=[packages.public(9)])
    else:
        files = sources(BASE, adapters(BASE.model, 2))
    if app in ("trainer_uart", "device_learning"):
        files |= learning_sources(BASE, trainer.statistics(12), TrainSetup(TAP, TAP))
    return files


def write(files: dict[str, str], folder: Path) -> list[Path]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files if name.endswith(".c")]


def includes(folder: Path) -> list[str]:
    others = [flag.replace("-I", "-isystem", 1) if flag.startswith("-I") else flag for flag in zcbor.find().flags]
    return [f"-I{FIRMWARE}", f"-I{FIRMWARE / 'include'}", f"-I{folder}", *others]


def matrix(compilers: Sequence[str], quick: set[tuple[str, str, str]]) -> list[object]:
    """Every compiler with every optimization and with every standard, but not with each of both at once."""
    every = [(c, STANDARDS[i % len(STANDARDS)], o) for c in compilers for i, o in enumerate(OPTIMIZATIONS)]
    slow = [pytest.param(i, *one, marks=pytest.mark.slow) for i, one in enumerate(every) if one not in quick]
    return [*(pytest.param(0, *one) for one in sorted(quick)), *slow]


@pytest.mark.parametrize(("number", "compiler", "standard", "optimization"), matrix(tuple(ARM), QUICK))
def test_apps_ports_and_generated_code_of_boards(
    number: int, compiler: str, standard: str, optimization: str, tmp_path: Path
) -> None:
    """On two boards, other ones for the next case: each board with both compilers."""
    flags = [*ARM[compiler], f"-std={standard}", *optimization.split(), "-mthumb", "-ffreestanding"]
    flags += ["-isystem", str(FIRMWARE / "smp" / "libc")]
    done = set[tuple[str, str]]()
    first = 2 * number % len(BOARDS)
    for name in BOARDS[first : first + 2]:
        it = board.load(name)
        defines = [f"-D{define}" for define in it.defines]
        core = (f"-mcpu={it.cpu}",)
        driver = it.geometry.driver if it.geometry else None
        port = ["startup", "mem", "print", "trace", "cxx", f"uart_{it.uart_driver}"]
        port += ["flash", f"flash_{driver}"] if driver else []
        for app in ON_BOARD:
            if app.startswith("device") and it.store is None:
                continue
            if app == "device_learning" and it.geometry and it.geometry.slots.count < 4:  # two are for checkpoints
                continue
            folder = tmp_path / f"{name}-{app}"
            folder.mkdir()
            files = write(generated(app), folder)
            files += [FIRMWARE / "apps" / file for file in APPS[app].files]
            files += [FIRMWARE / "port" / f"{file}.c" for file in port]
            new = [path for path in files if path.is_relative_to(folder) or (name, path.name) not in done]
            done |= {(name, path.name) for path in new if not path.is_relative_to(folder)}
            more = ("SELFTEST_SIZE=4096", *(("MCUEDIT_STORE_DEVELOPMENT",) if app == "device_learning" else ()))
            app_defines = [f"-D{define}" for define in (*APPS[app].defines, *more)]
            compile_all(compiler, new, folder, *flags, *core, *includes(folder), *defines, *app_defines)


@pytest.mark.parametrize(("number", "compiler", "standard", "optimization"), matrix(("gcc", "clang"), QUICK_HOST))
def test_apps_of_this_machine(number: int, compiler: str, standard: str, optimization: str, tmp_path: Path) -> None:
    for app in ON_HOST:
        folder = tmp_path / app
        folder.mkdir()
        files = write(generated(app), folder) + [FIRMWARE / "apps" / file for file in APPS[app].files]
        files += sorted((FIRMWARE / "testing").glob("*.c"))
        compile_all(compiler, files, folder, f"-std={standard}", *optimization.split(), *includes(folder))


@pytest.mark.parametrize("app", ["device", "device_learning", "device_process"])
def test_apps_that_obey_operators(app: str, tmp_path: Path) -> None:
    it = board.load("virt-m4")
    flags = ["-DMCUEDIT_AUTHORITY=1", "-std=c99", "-Os", *includes(tmp_path)]
    if app not in ON_HOST:
        flags += ["-mthumb", "-ffreestanding", f"-mcpu={it.cpu}", "-isystem", str(FIRMWARE / "smp" / "libc")]
        flags += [f"-D{define}" for define in (*it.defines, *APPS[app].defines)]
    files = write(generated(app), tmp_path) + [FIRMWARE / "apps" / file for file in APPS[app].files]
    compile_all("gcc" if app in ON_HOST else "arm-none-eabi-gcc", files, tmp_path, *flags)


@pytest.mark.parametrize(("number", "compiler", "standard", "optimization"), matrix(("gcc", "clang"), QUICK_HOST))
def test_generated_code_that_trains(
    number: int, compiler: str, standard: str, optimization: str, tmp_path: Path
) -> None:
    setup = FactorSetup(TAP)
    files = setup.render_base(BASE) | codegen.render_factors(BASE, setup)
    files |= codegen.render_train(BASE, trainer.statistics(12), TrainSetup(TAP, TAP))
    flags = (f"-std={standard}", *optimization.split(), *includes(tmp_path))
    compile_all(compiler, write(files, tmp_path), tmp_path, *flags)


@pytest.mark.parametrize("standard", CXX_STANDARDS)
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_generated_headers_are_cxx(compiler: str, standard: str, tmp_path: Path) -> None:
    setup = FactorSetup(TAP)
    files = setup.render_base(BASE) | codegen.render_factors(BASE, setup) | generated("device_learning")
    write(files, tmp_path)
    for name in [name for name in files if name.endswith(".h") and name != "model.h"]:
        (tmp_path / f"{name}.cpp").write_text(f'#include "{name}"\n', encoding="utf-8")
    compile_all(compiler, sorted(tmp_path.glob("*.cpp")), tmp_path, f"-std={standard}", *includes(tmp_path))


@needs_tree
@pytest.mark.parametrize("standard", CXX_STANDARDS)
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_wrapper_of_tflm(compiler: str, standard: str, tmp_path: Path) -> None:
    write(sources(BASE, runtime="tflm"), tmp_path)
    headers = [flag for flag in tflm.cxx_flags(tflm.root()) if not flag.startswith("-std")]
    files = [FIRMWARE / "tflm" / "mcuedit_tflm.cc", FIRMWARE / "apps" / "common" / "tflm.cc"]
    files += [FIRMWARE / "apps" / "hostlib" / "tflm_plugin.cc"]
    flags = (f"-std={standard}", "-O2", f"-I{FIRMWARE / 'tflm'}", *includes(tmp_path), *headers)
    compile_all(compiler, files, tmp_path, *flags)
