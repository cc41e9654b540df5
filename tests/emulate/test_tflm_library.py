# SPDX-License-Identifier: Apache-2.0
"""A library of TensorFlow Lite Micro that lacks objects: what is linked with it says so by name."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build import compilers, linker

needs_gcc = pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="arm-none-eabi-g++ is not installed")
CODE = """
namespace tflite { int Register_SOFTMAX(); int Register_LOGISTIC(); }
extern "C" int port_reset();
extern "C" int port_reset() { return tflite::Register_SOFTMAX() + tflite::Register_LOGISTIC(); }
"""


@needs_gcc
def test_what_a_library_lacks_is_named(tmp_path: Path) -> None:
    machine, gcc = board.load("virt-m4"), compilers.gcc()
    assert gcc is not None
    compiler = replace(gcc, cxx=("arm-none-eabi-g++",))
    (tmp_path / "main.cc").write_text(CODE, encoding="utf-8")
    target = list(compiler.target(machine))
    subprocess.run(["arm-none-eabi-g++", *target, "-c", "main.cc"], cwd=tmp_path, check=True)
    subprocess.run(
        ["arm-none-eabi-gcc", *target, "-x", "c", "-c", "/dev/null", "-o", "none.o"], cwd=tmp_path, check=True
    )
    subprocess.run(["arm-none-eabi-ar", "rcs", "libtensorflow-microlite.a", "none.o"], cwd=tmp_path, check=True)
    library = str(tmp_path / "libtensorflow-microlite.a")
    with pytest.raises(McueditError) as caught:
        linker.link(compiler, machine, [*target, "main.o", library], tmp_path / "fw.elf")
    assert caught.value.message.startswith(f"{library} lacks ")
    assert "tflite::Register_SOFTMAX()" in caught.value.message
    assert "TFLM_ROOT" in caught.value.hint
