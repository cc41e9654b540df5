# SPDX-License-Identifier: Apache-2.0
"""The C trainer of a gate through ctypes, and small statistics to train it with."""

from __future__ import annotations

import copy
import ctypes
from ctypes import POINTER, c_int8, c_int16, c_int32, c_uint8, c_uint16, c_uint32
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from helpers.native import WARNINGS, Native, core_sources, includes, link
from mcuedit import codegen
from mcuedit.codegen import FactorSetup
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics, gate_statistics
from mcuedit.ondevice.backward import backward_layers
from mcuedit.ondevice.factors import FactorOptions, Masters
from mcuedit.ondevice.sizes import FACTORS_STATE, STATE, factors_width, factors_workspace, gate_workspace

MORE = 1


class _Statistics(ctypes.Structure):
    _fields_ = [
        ("centre", POINTER(c_int8)),
        ("directions", POINTER(c_int8)),
        ("damping", POINTER(c_int16)),
        ("rows", POINTER(c_int8)),
        ("direction_count", c_uint16),
        ("row_count", c_uint16),
        ("cluster_count", c_uint16),
        ("steps", c_uint16),
        ("rate_multiplier", c_int32),
        ("rate_shift", c_int8),
        ("shift", c_uint8),
        ("place", c_uint8),
    ]


class _Gate(ctypes.Structure):
    _fields_ = [
        ("base", ctypes.c_void_p),
        ("statistics", POINTER(_Statistics)),
        ("tap", c_uint16),
        ("target", c_uint16),
        ("correction_count", c_uint8),
        ("replay_count", c_uint8),
        ("replay_least", c_uint8),
        ("replay_changed", c_uint8),
    ]


def rows(n_in: int, questions: int, wordings: int, seed: int = 0) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Tap rows of made-up questions in some wordings, and the question of each: int8[q * w, n_in], int64[q * w]."""
    rng = np.random.default_rng(seed)
    kinds = rng.normal(0, 20, (4, n_in))[rng.integers(4, size=questions)]
    means = kinds + rng.normal(0, 30, (questions, n_in)) - 40
    axes = rng.normal(0, 1, (3, n_in))
    x = (
        means[:, None]
        + rng.normal(0, 6, (questions, wordings, 3)) @ axes
        + rng.normal(0, 3, (questions, wordings, n_in))
    )
    return np.clip(np.round(x), -128, 127).astype(np.int8).reshape(-1, n_in), np.repeat(np.arange(questions), wordings)


def statistics(n_in: int, seed: int = 0) -> GateStatistics:
    """Of the made-up questions of `rows`."""
    return gate_statistics(*rows(n_in, 60, 6, seed))


class Trainer:
    """A gate being trained in C.

    Args:
        room: corrections and confirmed inputs that the workspace holds.
    """

    def __init__(
        self,
        native: Native,
        statistics: GateStatistics,
        tap: int,
        target: int,
        room: tuple[int, int] = (2, 8),
        **more: int,
    ) -> None:
        s, pointer = statistics, lambda a, t: a.ctypes.data_as(POINTER(t))
        self._kept = [np.ascontiguousarray(a) for a in (s.centre, s.directions, s.damping, s.rows)]
        c, d, g, r = self._kept
        self._statistics = _Statistics(
            pointer(c, c_int8), pointer(d, c_int8), pointer(g, c_int16), pointer(r, c_int8),
            len(d), len(r), s.clusters, s.steps, *s.rate, s.shift, s.place,
        )  # fmt: skip
        self.n = s.centre.size
        least, changed = more.get("least", 0), more.get("changed", 0)
        base = ctypes.addressof(ctypes.c_char.in_dll(native.lib, f"{native.symbol}_base"))
        self._gate = _Gate(base, ctypes.pointer(self._statistics), tap, target, *room, least, changed)
        self.size = gate_workspace(self.n, *room, len(r))
        self.workspace = (c_uint32 * (self.size // 4))()
        self._native = native

    def take_config(self, address: int) -> None:
        """A configuration that was emitted, in place of the own one."""
        self._gate = _Gate.from_address(address)

    def call(self, name: str, *arguments: Any) -> str | int:
        """The name of an error, or what is positive."""
        code = getattr(self._native.lib, f"mcuedit_train_{name}")(ctypes.byref(self._gate), self.workspace, *arguments)
        return self._native.name(code) if code < 0 else code

    def init(self, seed: int = 1, size: int | None = None) -> str | int:
        return self.call("init", self.size if size is None else size, seed)

    def correct(self, x: npt.NDArray[np.int8], logits: npt.NDArray[np.int8], wanted: int) -> str | int:
        return self.call("add_correction", _bytes(x), _bytes(logits), wanted)

    def confirm(self, x: npt.NDArray[np.int8]) -> str | int:
        return self.call("add_replay", _bytes(x))

    def step(self, budget: int) -> str | int:
        return self.call("step", budget)

    def result(self, label: bytes | None = None) -> bytes | str:
        """The adapter, or the name of an error."""
        room = (c_uint8 * 2048)()
        size = self.call("result", label, len(label or b""), room, len(room))
        return size if isinstance(size, str) else bytes(room)[:size]

    @property
    def w(self) -> npt.NDArray[np.int64]:
        """Weights: int64[n_in]."""
        even = (self.n + 1) & ~1
        return np.frombuffer(self.workspace, np.int16, self.n, STATE + 4 * even).astype(np.int64)

    @property
    def steps(self) -> int:
        """Steps done."""
        return int(np.frombuffer(self.workspace, np.uint16, 1, 36)[0])


def _bytes(x: npt.NDArray[np.int8]) -> Any:
    return np.ascontiguousarray(x, np.int8).tobytes()


class FactorsInC:
    """Factors being trained in C, beside a base of its own library.

    Args:
        room: corrections and confirmed inputs that the workspace holds.
        floats: built with MCUEDIT_TRAIN_FLOAT.
    """

    def __init__(
        self, base: Base, op: int, options: FactorOptions, room: tuple[int, int], folder: Path, *, floats: bool = False
    ) -> None:
        self.floats = floats
        self._master: np.dtype[Any] = np.dtype(np.float32 if floats else np.int16)
        setup = FactorSetup(op, options, *room)
        files = setup.render_base(base) | codegen.render_factors(base, setup)
        files["size.c"] = _SIZES
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        sources = [*(name for name in files if name.endswith(".c")), *core_sources("train")]
        flags = [
            *WARNINGS,
            "-O1",
            *(["-DMCUEDIT_TRAIN_FLOAT"] if floats else []),
            "-shared",
            "-fPIC",
            *includes(),
            "-I.",
        ]
        self._lib = ctypes.CDLL(str(link(folder, sources, *flags, output="factors.so")))
        self._lib.mcuedit_error_name.restype = ctypes.c_char_p
        self._factors = ctypes.addressof(ctypes.c_char.in_dll(self._lib, "net_factors"))
        self.size = c_uint32.in_dll(self._lib, "size").value
        geometry = op_geometry(base.model, op)
        self._n, self._n_out, self._rank = geometry.n_in, geometry.n_out, options.rank
        chain = [op, *(link.index for link in backward_layers(base.model, op))]
        sizes = [base.model.tensors[base.model.ops[i].outputs[0]].size for i in chain]
        self._width = factors_width(sizes, geometry, options.rank)
        master = self._master.itemsize
        assert self.size == factors_workspace(geometry, self._rank, sizes, *room, master=master)
        self._workspace = (c_uint32 * (self.size // 4))()

    def in_library(self, lib: ctypes.CDLL) -> FactorsInC:
        """The same training by another library with these sources."""
        other = copy.copy(self)
        other._lib = lib
        other._factors = ctypes.addressof(ctypes.c_char.in_dll(lib, "net_factors"))
        other._workspace = (c_uint32 * len(self._workspace))()
        return other

    def call(self, name: str, *arguments: Any) -> str | int:
        """The name of an error, or what is positive."""
        options = f"_float{int(self.floats)}" if name == "init" else ""
        function = getattr(self._lib, f"mcuedit_train_factors_{name}{options}")
        code = function(ctypes.c_void_p(self._factors), self._workspace, *arguments)
        return self._lib.mcuedit_error_name(code).decode() if code < 0 else code

    def init(self, seed: int = 1, size: int | None = None) -> str | int:
        return self.call("init", self.size if size is None else size, seed)

    def correct(self, x: npt.NDArray[np.int8], wanted: int) -> str | int:
        return self.call("add_correction", _bytes(x), wanted)

    def confirm(self, x: npt.NDArray[np.int8], answer: int) -> str | int:
        return self.call("add_replay", _bytes(x), answer)

    def step(self, budget: int) -> str | int:
        return self.call("step", budget)

    def gather(self, x: npt.NDArray[np.int8], size: int) -> npt.NDArray[np.int8]:
        """A sample of `size` bytes from the op's input."""
        sample = (c_int8 * size)()
        self._lib.mcuedit_train_factors_gather(ctypes.c_void_p(self._factors), _bytes(x), sample)
        return np.frombuffer(sample, np.int8)

    def result(self) -> bytes | str:
        """The adapter, or the name of an error."""
        room = (c_uint32 * 4096)()
        size = self.call("result", room, ctypes.sizeof(room))
        return size if isinstance(size, str) else bytes(room)[:size]

    def move(self) -> None:
        """Puts the workspace elsewhere, as after a reset."""
        self._workspace = (c_uint32 * len(self._workspace)).from_buffer_copy(bytes(self._workspace))

    @property
    def steps(self) -> int:
        """Steps done."""
        return int(np.frombuffer(self._workspace, np.uint16, 1, 12)[0])

    @property
    def a(self) -> Masters:
        """Masters: int64 or float32[rank, n_in]."""
        pitch, start = (self._n + 1) & ~1, FACTORS_STATE + 20 * self._rank + 8 * self._width
        found = np.frombuffer(bytes(self._workspace), self._master, self._rank * pitch, start)
        return found.reshape(self._rank, pitch)[:, : self._n].astype(np.float32 if self.floats else np.int64)

    @property
    def b(self) -> Masters:
        """Masters: int64 or float32[n_out, rank]."""
        pitch, start = (self._n + 1) & ~1, FACTORS_STATE + 20 * self._rank + 8 * self._width
        start += self._master.itemsize * self._rank * pitch
        found = np.frombuffer(bytes(self._workspace), self._master, self._n_out * self._rank, start)
        return found.reshape(self._n_out, self._rank).astype(np.float32 if self.floats else np.int64)


_SIZES = """#include "net_factors.h"
extern const uint32_t size;
const uint32_t size = NET_FACTORS_WORKSPACE;
"""
