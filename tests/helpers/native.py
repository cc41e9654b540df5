# SPDX-License-Identifier: Apache-2.0
"""The C core and a generated base as a shared library of this machine, called through ctypes."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcuedit import codegen
from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, add
from mcuedit.adapter.encoding import encode
from mcuedit.build import compilers
from mcuedit.model.adaptable import op_geometry, tap_geometry, tap_op, tap_tensor
from mcuedit.model.bundle import Base
from mcuedit.model.ops import operator
from mcuedit.model.tflite import Model

SHIM = Path(__file__).resolve().parents[1] / "c" / "shim.c"
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion")
H_SIZE = 4096


def sanitizing(folder: Path) -> compilers.Compiler:
    """The host's compiler, if a program with sanitizers links and starts; else the test is skipped."""
    found = compilers.find_host_compiler()
    (folder / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    try:
        found.run([*SANITIZERS, "probe.c", "-o", "probe"], folder)
        subprocess.run([folder / "probe"], check=True)
    except (McueditError, subprocess.CalledProcessError):
        pytest.skip(f"{found.name} has no sanitizers here")
    return found


def core_sources(*more: str) -> list[Path]:
    """The hand-written C of the runtime, and of more folders."""
    firmware = resources.path("firmware")
    return [path for folder in ("core", "kernels", *more) for path in sorted((firmware / folder).glob("*.c"))]


def source(name: str) -> Path:
    """A hand-written C file of the library, without its suffix, in whichever folder it lies."""
    (found,) = (p for folder in resources.LIBRARY for p in resources.path("firmware").glob(f"{folder}/{name}.c"))
    return found


def includes() -> list[str]:
    """Include paths: public headers by mcuedit/, private ones by their folder."""
    return [f"-I{resources.path('firmware') / folder}" for folder in ("include", ".")]


def link(
    folder: Path,
    sources: Iterable[str | Path],
    *flags: str,
    output: str,
    compiler: compilers.Compiler | None = None,
    libraries: Sequence[str] = (),
) -> Path:
    """A program of this machine or, with -shared, a library; each object is made once for all that want it.

    Args:
        sources: names in `folder`, or paths.
        flags: of every call of the compiler.
        libraries: for the link alone.
    """
    compiler = compiler or compilers.find_host_compiler()
    objects = {f"{Path(source).parent.name}_{Path(source).stem}.o": str(source) for source in sources}
    each = [flag for flag in flags if flag != "-shared"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda target: compiler.compile([*each, "-c", objects[target], "-o", target], folder), objects))
    compiler.run([*flags, *objects, *libraries, "-o", output], folder)
    return folder / output


class Native:
    """A base in C.

    Args:
        folder: where it is compiled.
        more: folders of the library beside its core and engine.
        preserve: as for `codegen.render_base`.
    """

    def __init__(self, base: Base, folder: Path, *more: str, preserve: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        files = codegen.render_base(base, preserve=preserve)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        sources = [*(name for name in files if name.endswith(".c")), *core_sources(*more), SHIM]
        flags = [*WARNINGS, "-O1", "-shared", "-fPIC", *includes(), "-I."]
        self.lib = ctypes.CDLL(str(link(folder, sources, *flags, output="base.so")))
        self.lib.mcuedit_error_name.restype = ctypes.c_char_p
        self.lib.mcuedit_error_text.restype = ctypes.c_char_p
        self.lib.mcuedit_context_label.restype = ctypes.c_void_p
        self.model = base.model
        self.plan = codegen.plan_arena(base.model, preserve=preserve)
        self.symbol = codegen.base_names(base.name).symbol
        self.base = ctypes.byref(ctypes.c_char.in_dll(self.lib, f"{self.symbol}_base"))
        self.context = self._allocate("context")
        self.h = ctypes.create_string_buffer(H_SIZE)
        self._kept: list[Any] = []
        self.lib.mcuedit_context_init(self.context, self.base, self.h, H_SIZE)

    def _allocate(self, kind: str) -> Any:
        return ctypes.create_string_buffer(ctypes.c_uint32.in_dll(self.lib, f"shim_{kind}_size").value)

    def name(self, code: int) -> str:
        """Name of an error code."""
        return self.lib.mcuedit_error_name(code).decode()

    def stated_size(self, raw: bytes) -> int:
        """What mcuedit_adapter_size says of bytes in flash."""
        flash = (ctypes.c_uint32 * (len(raw) // 4 + 1))()
        ctypes.memmove(flash, raw, len(raw))
        size: int = self.lib.mcuedit_adapter_size(flash)
        return size

    def open(self, raw: bytes, *, size: int | None = None) -> tuple[str, Any]:
        """Error name and the opened adapter, of bytes in an aligned buffer of just their size."""
        flash = (ctypes.c_uint32 * (len(raw) // 4 + 1))()
        ctypes.memmove(flash, raw, len(raw))
        adapter = self._allocate("adapter")
        code = self.lib.mcuedit_adapter_open(adapter, self.base, flash, len(raw) if size is None else size)
        self._kept.append(flash)
        return self.name(code), adapter

    def activate(self, adapters: Sequence[Any]) -> str:
        """Makes opened adapters active; error name."""
        if not adapters:
            return self.name(self.lib.mcuedit_context_set(self.context, None))
        pointers = (ctypes.c_void_p * len(adapters))(*map(ctypes.addressof, adapters))
        active = self._allocate("set")
        ctypes.memmove(active, ctypes.addressof(ctypes.c_void_p(ctypes.addressof(pointers))), 8)
        active[8] = len(adapters)
        self._kept += [pointers, active, *adapters]
        return self.name(self.lib.mcuedit_context_set(self.context, active))

    def load(self, adapters: Sequence[Adapter]) -> None:
        """Encodes, opens and activates adapters."""
        opened = []
        for adapter in adapters:
            error, view = self.open(encode(adapter, self.model))
            assert error == "OK", error
            opened.append(view)
        assert self.activate(opened) == "OK"

    def label(self, index: int) -> str | None:
        """Name that the active set gives to a class."""
        length = ctypes.c_uint8()
        found = self.lib.mcuedit_context_label(self.context, index, ctypes.byref(length))
        return ctypes.string_at(found, length.value).decode() if found else None

    def infer(self, x: np.ndarray, *, active: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """int8[n, ...] -> outputs int8[n, outputs] and the arenas they left behind."""
        size = self.plan.arena_size
        outputs = np.empty((len(x), self.model.output.size), np.int8)
        arenas = np.zeros((len(x), max(size, 1)), np.int8)
        run = getattr(self.lib, f"{self.symbol}_infer")
        for i, row in enumerate(np.ascontiguousarray(x, np.int8).reshape(len(x), -1)):
            place = ctypes.c_void_p
            run(
                self.context if active else None,
                place(row.ctypes.data),
                place(outputs[i].ctypes.data),
                place(arenas[i].ctypes.data),
            )
        return outputs, arenas


def reference(model: Model, adapters: Sequence[Adapter], x: np.ndarray) -> dict[int, np.ndarray]:
    """Every activation by the numpy arithmetic: tensor index -> int8[n, *shape]."""
    deltas = [delta for adapter in adapters for delta in adapter.deltas]
    values = {model.inputs[0]: x.reshape(len(x), *model.input.shape)}
    h = {}
    for op in model.ops:
        if model.computes_shape(op):
            continue
        y = operator(model, op).forward(*(values[t] for t in model.sources(op)))
        for i, delta in enumerate(deltas):
            if tap_op(delta.tap) == op.index:
                given = {**values, op.outputs[0]: y}[tap_tensor(model, delta.tap)]
                h[i] = delta.project(tap_geometry(model, delta.tap).positions_of(given))
        here = [i for i, delta in enumerate(deltas) if delta.target == op.index]
        if here:
            rows = y.reshape(len(x), -1, op_geometry(model, op.index).n_out)
            y = add([deltas[i] for i in here], [h[i] for i in here], rows).reshape(y.shape)
        values[op.outputs[0]] = y
    return values
