# SPDX-License-Identifier: Apache-2.0
"""The delta core alone, without a generated base: one op at a time, described by hand."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from helpers.native import SHIM, WARNINGS, core_sources, includes, link
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import encode
from mcuedit.model.adaptable import OpGeometry, op_geometry
from mcuedit.model.tflite import Model
from mcuedit.model.windows import Window

GUARD = 16  # bytes beside every buffer that must not change


class CWindow(ctypes.Structure):
    """mcuedit_window, whose fields are those of `Window`."""

    _fields_ = [(name, ctypes.c_uint16) for name in Window.__dataclass_fields__]


class COp(ctypes.Structure):
    """mcuedit_op."""

    _fields_ = [
        ("n_in", ctypes.c_uint16),
        ("n_out", ctypes.c_uint16),
        ("rows", ctypes.c_uint32),
        ("input_zero_point", ctypes.c_int8),
        ("act_lo", ctypes.c_int8),
        ("act_hi", ctypes.c_int8),
        ("serves_output", ctypes.c_bool),
        ("window", ctypes.POINTER(CWindow)),
    ]


class CBase(ctypes.Structure):
    """mcuedit_base."""

    _fields_ = [
        ("sha256", ctypes.c_uint8 * 32),
        ("op_count", ctypes.c_uint16),
        ("blob_count", ctypes.c_uint16),
        ("output_size", ctypes.c_uint32),
        ("ops", ctypes.POINTER(COp)),
        ("blobs", ctypes.c_void_p),
        ("blobs_crc", ctypes.c_uint32),
        ("fits_output", ctypes.c_void_p),
    ]


def sha256_of(model: Model) -> Any:
    """The first field of a CBase."""
    return (ctypes.c_uint8 * 32).from_buffer_copy(bytes.fromhex(model.sha256))


def load(folder: Path) -> ctypes.CDLL:
    """Compiles firmware/core and firmware/kernels."""
    flags = [*WARNINGS, "-O1", "-shared", "-fPIC", *includes()]
    lib = ctypes.CDLL(str(link(folder, [*core_sources(), SHIM], *flags, output="core.so")))
    lib.mcuedit_window_patch.restype = ctypes.c_void_p
    return lib


def c_op(geometry: OpGeometry) -> COp:
    """As the template writes it."""
    g = geometry
    op = COp(g.n_in, g.n_out, g.positions, g.zx, g.act_lo, g.act_hi, False)
    if geometry.window:
        op.window = ctypes.pointer(CWindow(*astuple(geometry.window)))
    return op


def address(array: np.ndarray) -> ctypes.c_void_p:
    """Where an array's first element is."""
    return ctypes.c_void_p(array.ctypes.data)


def guarded(size: int, values: np.ndarray | None = None) -> np.ndarray:
    """int8[size] between guards of their own: `whole` sees them."""
    room = np.full(size + 2 * GUARD, 0x5A, np.int8)
    if values is not None:
        room[GUARD:-GUARD] = values.reshape(-1)
    return room[GUARD:-GUARD]


def guards_hold(array: np.ndarray) -> bool:
    """Whether nothing was written beside an array of `guarded`."""
    room: Any = array.base
    return bool((room[:GUARD] == 0x5A).all() and (room[-GUARD:] == 0x5A).all())


def add(lib: ctypes.CDLL, model: Model, adapters: Sequence[Adapter], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`y` after the core added `adapters` at op 0, sample by sample."""
    geometry, keep = op_geometry(model, 0), list[Any]()
    context, h = _started(lib, model, adapters, keep)
    patch = guarded(geometry.n_in)
    moved = []
    for sample, out in zip(x, y, strict=True):
        given, result = guarded(sample.size, sample), guarded(out.size, out)
        lib.mcuedit_context_latch(context)
        if geometry.window:
            lib.mcuedit_context_add_windows(context, 0, address(given), address(result), address(patch))
        else:
            lib.mcuedit_context_add(context, 0, address(given), address(result))
        assert all(map(guards_hold, (given, result, patch, h)))
        assert (given == sample.reshape(-1)).all()
        moved.append(result.reshape(out.shape))
    return np.stack(moved)


def add_at_rim(lib: ctypes.CDLL, model: Model, adapters: Sequence[Adapter], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The same at an op that leaves other bytes in its input's place."""
    keep = list[Any]()
    context, h = _started(lib, model, adapters, keep, served=True)
    moved = []
    for sample, out in zip(x, y, strict=True):
        given, result = guarded(sample.size, sample), guarded(out.size)
        lib.mcuedit_context_latch(context)
        lib.mcuedit_context_project(context, 0, address(given))
        lib.mcuedit_context_take(context, 0, address(given))
        given[:], result[:] = 0x2A, out.reshape(-1)
        lib.mcuedit_context_give(context, 0, address(result))
        assert all(map(guards_hold, (given, result, h)))
        moved.append(result.reshape(out.shape))
    return np.stack(moved)


def _started(
    lib: ctypes.CDLL, model: Model, adapters: Sequence[Adapter], keep: list[Any], *, served: bool = False
) -> tuple[Any, np.ndarray]:
    """A context with adapters in force, and its h; what they point to is added to `keep`."""
    op = c_op(op_geometry(model, 0))
    op.serves_output = served
    base = CBase(sha256_of(model), 1, 0, model.output.size, ctypes.pointer(op), None, 0)
    if served:
        base.fits_output = ctypes.cast(lib.mcuedit_adapter_fits_output, ctypes.c_void_p)
    views = [_open(lib, base, encode(adapter, model), keep) for adapter in adapters]
    context = ctypes.create_string_buffer(ctypes.c_uint32.in_dll(lib, "shim_context_size").value)
    h = guarded(sum(d.rank for a in adapters for d in a.deltas))
    lib.mcuedit_context_init(context, ctypes.byref(base), address(h), len(h))
    pointers = (ctypes.c_void_p * len(views))(*map(ctypes.addressof, views))
    chosen = (ctypes.c_void_p * 2)(ctypes.addressof(pointers), len(views))  # count is the first byte of the second word
    assert lib.mcuedit_context_set(context, chosen) == 0
    keep += [op, base, views, pointers, chosen]
    return context, h


def _open(lib: ctypes.CDLL, base: CBase, raw: bytes, keep: list[Any]) -> Any:
    flash = (ctypes.c_uint32 * (len(raw) // 4)).from_buffer_copy(raw)
    view = ctypes.create_string_buffer(ctypes.c_uint32.in_dll(lib, "shim_adapter_size").value)
    assert lib.mcuedit_adapter_open(view, ctypes.byref(base), flash, len(raw)) == 0
    keep.append(flash)
    return view
