# SPDX-License-Identifier: Apache-2.0
"""The boards, as parameters of tests; what is not installed is skipped with the reason. Unicorn never is."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from mcuedit.boards import board
from mcuedit.build import compilers
from mcuedit.build.driver import BuildResult
from mcuedit.emulate.backends.renode import program as renode_program

UNICORN_BOARDS = [name for name in board.names() if "unicorn" in board.load(name).emulators]
QEMU_BOARDS = [name for name in board.names() if "qemu" in board.load(name).emulators]
RENODE_BOARDS = [name for name in board.names() if "renode" in board.load(name).emulators]

needs_renode = pytest.mark.skipif(renode_program.program() is None, reason="renode is not installed (RENODE, PATH)")
needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")
needs_gcc = pytest.mark.skipif(compilers.gcc() is None, reason="arm-none-eabi-gcc is not installed")

ALL_BOARDS = [
    *((name, "unicorn") for name in UNICORN_BOARDS),
    *(pytest.param(name, "qemu", marks=needs_qemu) for name in QEMU_BOARDS),
]

# One board of each emulator, where the core makes no difference.
ONE_EACH = [("virt-m4", "unicorn"), pytest.param("mps2-an386", "qemu", marks=needs_qemu)]

BuildEcho = Callable[..., BuildResult]
