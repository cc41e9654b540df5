# SPDX-License-Identifier: Apache-2.0
"""Firmware for a board, and the host's shared library, from rendered sources and firmware/."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util import resources, system
from mcuedit.boards.board import Board
from mcuedit.build import handwritten
from mcuedit.build.apps import APPS
from mcuedit.build.compilers import (
    Compiler,
    find_compiler,
    find_cxx_compiler,
    find_host_compiler,
    find_host_cxx_compiler,
)
from mcuedit.build.external import cmsis_nn
from mcuedit.build.external import tflm as libraries
from mcuedit.build.linker import GENERATED, Footprint, footprint, link
from mcuedit.build.options import PLAIN, BuildOptions

_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion")
_LOCAL = ("PORT_", "MCUEDIT_TRACE")  # macros that the library does not know: it is the same on all boards of a core
_LIBRARY = (*resources.LIBRARY, "crypto", "smp")


@dataclass(frozen=True)
class BuildResult:
    """A linked firmware and what it was made with; `traced`: it counts (MCUEDIT_TRACE)."""

    board: Board
    elf: Path
    footprint: Footprint
    toolchain: str
    traced: bool


def build(
    board: Board,
    sources: Mapping[str, str],
    app: str | None,
    out_dir: Path,
    options: BuildOptions = PLAIN,
) -> BuildResult:
    """Compiles and links one app for one board.

    Args:
        sources: generated files, relative path -> text; every .c is compiled.
        app: one of firmware/apps; None when `sources` have a main of their own.
        out_dir: where objects and the ELF go; it is created.
        options: with runtime "tflm" the base runs in TensorFlow Lite Micro; that needs gcc, its C++ library, TFLM_ROOT.

    Raises:
        McueditError: no compiler or library, or it failed; the message has its first error lines.
        TooLarge: it does not fit the board's memory.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    tflm = libraries.find(board) if options.runtime == "tflm" else None
    compiler = find_cxx_compiler(options.toolchain, tflm) if tflm else find_compiler(options.toolchain)
    traced = "MCUEDIT_TRACE" in options.defines
    defines = (*options.defines, *APPS[app].defines, *(("PORT_CONSTRUCTORS",) if tflm else ()))
    external, external_flags = handwritten.external(app)
    hand_written = [*handwritten.apps(app), *handwritten.core(app), *handwritten.port(board, traced, tflm), *external]
    if tflm:
        hand_written += [*handwritten.folder("tflm", "*.cc"), *handwritten.folder("apps/common", "tflm.cc")]
    arm = None if tflm else cmsis_nn.find()
    hand_written += arm.sources if arm else []
    target = (*compiler.target(board), *(() if tflm else ("-ffreestanding",)))
    local = [define for define in defines if define.startswith(_LOCAL)]
    flags = (
        *_flags(options.opt, [define for define in defines if define not in local]),
        *target,
        *(arm.flags if arm else ()),
    )
    flags = (*flags, *handwritten.freestanding(app), *external_flags)
    on_board = [f"-D{define}" for define in (*local, *board.defines)]
    objects = _compile(compiler, hand_written, sources, out_dir, flags, on_board)
    elf = out_dir / f"{app or 'firmware'}.elf"
    link(compiler, board, [*target, *objects], elf)
    return BuildResult(board, elf, footprint(elf), compiler.name, traced)


def build_host(sources: Mapping[str, str], out_dir: Path, *, defines: Sequence[str] = ()) -> Path:
    """The same base, core and features as a shared library for this machine (firmware/apps/hostlib).

    Raises:
        McueditError: as `build`.
    """
    return _shared([*handwritten.apps("hostlib"), *handwritten.core("hostlib")], sources, out_dir, defines)


def build_plugin(
    sources: Mapping[str, str], out_dir: Path, tflm_root: Path, registerer: str, *, newer: bool = False
) -> Path:
    """The wrapper of TFLM's kernels as a shared library for the Python runtime of TFLM (firmware/apps/hostlib).

    Args:
        tflm_root: TFLM's tree, of a commit near that of the runtime.
        registerer: name of the function that the runtime is to call; of the library alone, so that all of its objects
            serve the next one, too.
        newer: the runtime is one that keeps its names in tflite::micro, the tree is not.

    Raises:
        McueditError: as `build`.
    """
    hand_written = [
        *handwritten.apps("hostlib"),
        *handwritten.core("hostlib"),
        *handwritten.folder("tflm", "*.cc"),
        *handwritten.folder("apps/hostlib", "tflm_plugin.cc"),
    ]
    compiler = find_host_cxx_compiler(tflm_root)
    defines = ("MCUEDIT_TFLM_NEWER",) if newer else ()
    name = (f"-Wl,--defsym={registerer}=plugin_register",)
    return _shared(hand_written, sources, out_dir, defines, compiler, link=name)


def build_process(sources: Mapping[str, str], out_dir: Path, *, defines: Sequence[str] = ()) -> Path:
    """A device as a process of this machine, which speaks SMP over UDP (firmware/apps/device_process).

    Raises:
        McueditError: as `build`.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    compiler = find_host_compiler()
    external, external_flags = handwritten.external("device_process")
    flags = (*_flags("2", (*defines, *APPS["device_process"].defines)), *external_flags)
    objects = _compile(
        compiler,
        [*handwritten.apps("device_process"), *handwritten.core("device_process"), *external],
        sources,
        out_dir,
        flags,
    )
    program = out_dir / "device"
    compiler.run([*objects, "-o", program.name], out_dir)
    return program


def build_engine(out_dir: Path) -> Path:
    """The hand-written runtime alone as a shared library for this machine.

    Raises:
        McueditError: as `build`.
    """
    return _shared(handwritten.core("hostlib"), {}, out_dir, ())


def _shared(
    hand_written: Sequence[Path],
    sources: Mapping[str, str],
    out_dir: Path,
    defines: Sequence[str],
    compiler: Compiler | None = None,
    link: Sequence[str] = (),
) -> Path:
    out_dir.mkdir(parents=True, exist_ok=True)
    hidden = ("-fvisibility=hidden",) if compiler else ()  # of plugins, two may be loaded for all to see
    flags = (*_flags("2", defines), "-fPIC", *hidden)
    compiler = compiler or find_host_compiler()
    objects = _compile(compiler, hand_written, sources, out_dir, flags)
    library = out_dir / "host.so"
    compiler.run(["-shared", *objects, *link, "-o", library.name], out_dir)
    return library


def _flags(opt: str, defines: Sequence[str]) -> tuple[str, ...]:
    firmware = resources.path("firmware")
    includes = (f"-I{firmware / folder}" for folder in (".", "include", "tflm"))
    sections = ("-ffunction-sections", "-fdata-sections")
    return ("-g0", f"-O{opt}", *_WARNINGS, *sections, *includes, *(f"-D{define}" for define in defines))


def _compile(
    compiler: Compiler,
    hand_written: Sequence[Path],
    sources: Mapping[str, str],
    out_dir: Path,
    flags: Sequence[str],
    beside_library: Sequence[str] = (),
) -> list[str]:
    """Compiles all sources, as many at once as there are cores.

    Raises:
        McueditError: one of them does not compile, or the disk is full.

    Returns:
        The objects, relative to `out_dir`: no path of this machine gets into what is built.
    """
    with system.telling(str(out_dir)):
        for name, text in sources.items():
            path = out_dir / GENERATED / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    # zig looks up the headers of a cached object by their relative paths in the folder of its first build, and would
    # take that object for the next base, too. The macro, which nothing reads, tells the two apart.
    key = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()[:16]
    on_generated = (
        *beside_library,
        f"-I{GENERATED}",
        *([f"-DMCUEDIT_SOURCES=0x{key}"] if compiler.name == "zig" else []),
    )
    firmware = resources.path("firmware")
    jobs: dict[str, tuple[str, Sequence[str]]] = {}
    for source in hand_written:
        ours = source.is_relative_to(firmware)
        parts = source.relative_to(firmware).parts[:-1] if ours else (source.parent.name,)
        more: Sequence[str] = () if ours else cmsis_nn.SOURCE_FLAGS
        if ours and parts[0] not in _LIBRARY:
            more = on_generated if parts[0] == "apps" else beside_library
        jobs[f"{'_'.join(parts)}_{source.stem}.o"] = (str(source), more)
    for name in sources:
        if name.endswith(".c"):
            jobs[f"{GENERATED}_{name[:-2].replace('/', '_')}.o"] = (f"{GENERATED}/{name}", on_generated)

    def compile_one(target: str) -> None:
        source, more = jobs[target]
        compiler.compile([*flags, *more, "-c", source, "-o", target], out_dir)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, jobs))
    return list(jobs)
