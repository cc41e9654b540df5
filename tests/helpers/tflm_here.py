# SPDX-License-Identifier: Apache-2.0
"""What of TensorFlow Lite Micro is here; tests that need more are skipped with the reason."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build.external import tflm
from mcuedit.model.bundle import Base


def _no_tree() -> str:
    try:
        tflm.root()
    except McueditError as error:
        return error.message
    return ""


def _reason(*, runtime: bool) -> str:
    if why := _no_tree():
        return why
    if runtime and find_spec("tflite_micro") is None:
        return "tflite-micro is not installed"
    compiler = "c++" if runtime else "arm-none-eabi-g++"
    return "" if shutil.which(compiler) else f"{compiler} is not installed"


def _missing(name: str) -> str:
    try:
        tflm.find(board.load(name))
    except McueditError as error:
        return error.message
    needs_qemu = "qemu" in board.load(name).emulators and shutil.which("qemu-system-arm") is None
    return "qemu-system-arm is not installed" if needs_qemu else _reason(runtime=False)


needs_tree = pytest.mark.skipif(bool(_no_tree()), reason=_no_tree() or "it is here")
needs_runtime = pytest.mark.skipif(bool(_reason(runtime=True)), reason=_reason(runtime=True) or "it is here")


def on_board(name: str, emulator: str) -> object:
    """(board, emulator) as a parameter of a test, skipped where something is missing."""
    why = _missing(name)
    return pytest.param(name, emulator, marks=pytest.mark.skipif(bool(why), reason=why or "it is here"))


def host_library() -> Path | None:
    """A library for this machine, where TFLM's Makefile puts it."""
    here = f"{sys.platform}_{platform.machine()}"
    return next((path for path in tflm.libraries() if here in str(path)), None)


QEMU_NAMES = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")
BOARDS = [on_board(name, "qemu") for name in QEMU_NAMES] + [on_board("virt-m4", "unicorn")]
needs_m4 = pytest.mark.skipif(bool(_missing("mps2-an386")), reason=_missing("mps2-an386") or "it is here")


def stock(base: Base) -> dict[str, str]:
    """The files of `codegen.render_tflm_base`, with stock kernels in place of the wrapped ones."""
    files = codegen.render_tflm_base(base)
    files = {name: re.sub(r"mcuedit::Wrap\w*<(\w+)>", r"\1", text) for name, text in files.items()}
    return {name: re.sub(r"\.adaptable = \d+", ".adaptable = 0", text) for name, text in files.items()}
