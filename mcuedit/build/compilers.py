# SPDX-License-Identifier: Apache-2.0
"""Compilers: which there are, how they are called, what they say when they fail."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.build import objects
from mcuedit.build.external.tflm import Library, cxx_flags

_log = logging.getLogger(__name__)

GCC = "arm-none-eabi-gcc"
INSTALL_GCC = "apt install gcc-arm-none-eabi"
UNKNOWN = "unknown version"
GXX = "arm-none-eabi-g++"
INSTALL_GXX = f"{INSTALL_GCC} libstdc++-arm-none-eabi-newlib"
INSTALL_ZIG = "pip install ziglang"
_ERROR_LINES = 3
_HOST = re.compile(r"No space left|NoSpaceLeft|quota|File too large|Read-only|ReadOnly|Permission denied|AccessDenied")
_TELLING = re.compile(r"error:(?! ld returned)|undefined|region|overflow")


@dataclass(frozen=True)
class Compiler:
    """A C compiler driver.

    Attributes:
        name: "gcc" or "zig" for boards, "cc" or "zig" for this machine.
        command: its argv so far.
        libraries: for the link of a firmware; no C library among them (firmware/port/mem.c), unless C++ is.
        cxx: argv of the C++ compiler, with its flags; it links, too. Empty where there is no C++ in a build.
    """

    name: str
    command: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    cxx: tuple[str, ...] = ()

    def target(self, board: Board) -> tuple[str, ...]:
        """Flags that select the board's core."""
        return board.zig if self.name == "zig" else board.gcc

    def compile(self, arguments: Sequence[str], folder: Path) -> None:
        """Compiles C, or C++ if a source among the arguments is called .cc; takes the object if it was made before.

        Raises:
            McueditError: it failed.
        """
        is_cxx = any(argument.endswith(".cc") for argument in arguments)
        command = self.cxx if is_cxx else (*self.command, "-std=c99")
        objects.once(command, arguments, folder, lambda: self._run(command, arguments, folder))

    def run(self, arguments: Sequence[str], folder: Path) -> None:
        """Runs it in `folder`.

        Raises:
            McueditError: it failed.
        """
        self._run(self.cxx or self.command, arguments, folder)

    def _run(self, command: Sequence[str], arguments: Sequence[str], folder: Path) -> None:
        # zig knows a header by the path it was given: in a shared cache, relative ones of two folders are one.
        # ccache, where it is on PATH, does not see a header that comes before one it knows, unless it preprocesses.
        caches = {"ZIG_LOCAL_CACHE_DIR": str(folder.resolve() / ".zig-cache"), "CCACHE_NODIRECT": "1"}
        if not _zig_can_write():
            caches["ZIG_GLOBAL_CACHE_DIR"] = caches["ZIG_LOCAL_CACHE_DIR"]
        environment = {**os.environ, **caches}
        _log.info("%s", shlex.join([*command, *arguments]))
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment,
        )
        if done.returncode:
            said = done.stderr.splitlines()
            by_host = [line for line in said if _HOST.search(line)]
            lines = by_host[:1] or [line for line in said if _TELLING.search(line)] or said
            shown = " | ".join(lines[:_ERROR_LINES])
            ended = f"by signal {-done.returncode}" if done.returncode < 0 else f"with {done.returncode}"
            hint = "try the other --toolchain; `mcuedit doctor` shows which there are"
            if by_host:
                hint = "it needs space, and leave to write, where TMPDIR and XDG_CACHE_HOME say"
            raise McueditError(f"{self.name} failed: {shown or f'it ended {ended} and said nothing'}", hint)

    def version(self) -> str:
        """Its version number."""
        done = subprocess.run(
            [*self.command, "--version"], capture_output=True, text=True, errors="replace", check=False
        )
        found = re.search(r"\d+\.\d+\.\d+", done.stdout.partition(")")[2] or done.stdout)  # (package version) first
        return found[0] if found else UNKNOWN


def _zig_can_write() -> bool:
    """Whether zig can keep what it makes once for all, such as its runtime library, where it would."""
    given = os.environ.get("ZIG_GLOBAL_CACHE_DIR")
    try:
        place = Path(given) if given else system.cache("zig")
    except McueditError:  # no home
        return False
    found = next((p for p in (place, *place.parents) if p.exists()), place)
    return os.access(found, os.W_OK)


def gcc() -> Compiler | None:
    """arm-none-eabi-gcc, if it is on PATH."""
    path = shutil.which(GCC)
    return Compiler("gcc", (path,), ("-nostdlib", "-lgcc")) if path else None


def zig() -> Compiler | None:
    """`zig cc` of the ziglang package; its compiler-rt is linked unasked."""
    found = importlib.util.find_spec("ziglang")
    return Compiler("zig", (sys.executable, "-m", "ziglang", "cc")) if found else None


def find_compiler(name: str = "auto") -> Compiler:
    """The compiler for boards.

    Raises:
        McueditError: it is not installed.
    """
    if name not in ("auto", "gcc", "zig"):
        raise McueditError(f"no toolchain {name!r}", "one of auto, gcc, zig")
    compiler = (gcc() if name in ("auto", "gcc") else None) or (zig() if name in ("auto", "zig") else None)
    if compiler is None:
        wanted = {"auto": f"{GCC} and ziglang are", "gcc": f"{GCC} is", "zig": "ziglang is"}[name]
        hint = {"auto": f"{INSTALL_ZIG}, or {INSTALL_GCC}", "gcc": INSTALL_GCC, "zig": INSTALL_ZIG}[name]
        raise McueditError(f"no compiler for Cortex-M: {wanted} not installed", hint)
    return compiler


def find_cxx_compiler(name: str, tflm: Library) -> Compiler:
    """The compiler for boards whose firmware has TensorFlow Lite Micro in it.

    Raises:
        McueditError: it is not installed, or has no C++ library.
    """
    if name == "zig":
        raise McueditError("zig does not link a TensorFlow Lite Micro that gcc built", "use --toolchain gcc")
    compiler, path = find_compiler("gcc"), shutil.which(GXX)
    trial = [path or GXX, "-x", "c++", "-fsyntax-only", "-include", "cstdint", os.devnull]
    if path is None or subprocess.run(trial, capture_output=True, check=False).returncode:
        raise McueditError(f"no C++ for Cortex-M: {GXX} or its library is not installed", INSTALL_GXX)
    libraries = ("-nostartfiles", "-specs=nano.specs", str(tflm.path), "-lm")
    return replace(compiler, cxx=(path, *tflm.flags), libraries=libraries)


def find_host_compiler() -> Compiler:
    """The compiler for this machine: cc, else zig cc.

    Raises:
        McueditError: there is neither.
    """
    path = shutil.which("cc")
    compiler = Compiler("cc", (path,)) if path else zig()
    if compiler is None:
        raise McueditError("no C compiler for this machine: cc and ziglang are not installed", INSTALL_ZIG)
    return compiler


def find_host_cxx_compiler(tflm_root: Path) -> Compiler:
    """The compiler for this machine for sources that use TFLM's headers.

    Raises:
        McueditError: there is none.
    """
    compiler, path = find_host_compiler(), shutil.which("c++")
    if compiler.name == "cc" and path is None:
        raise McueditError("no C++ compiler for this machine: c++ is not installed", "apt install g++")
    command = (path,) if compiler.name == "cc" and path else (*compiler.command[:-1], "c++")
    return replace(compiler, cxx=(*command, *cxx_flags(tflm_root)))
