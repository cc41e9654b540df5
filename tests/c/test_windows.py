# SPDX-License-Identifier: Apache-2.0
"""Windows and deltas of convolutions in C, byte for byte against numpy."""

from __future__ import annotations

import ctypes
from dataclasses import astuple, replace

import numpy as np
import pytest
from helpers import core, deltas
from helpers.convs import Conv, any_conv
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit.adapter.delta import add
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.tflite import parse
from mcuedit.model.windows import window

CASES = {
    "3x3 SAME": Conv(),
    "3x3 VALID, strided": Conv(size=(9, 8), stride=(2, 3), same=False),
    "dilated": Conv(size=(7, 9), dilation=(2, 3)),
    "kernel wider than the input": Conv(size=(2, 3), kernel=(3, 4), dilation=(2, 1)),
    "1x1": Conv(kernel=(1, 1)),
    "1x1, strided": Conv(kernel=(1, 1), stride=(2, 2)),
    "batches": Conv(size=(4, 3), batches=3),
    "many channels": Conv(size=(3, 3), c_in=17, c_out=21, zx=-128),
}


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return core.load(tmp_path_factory.mktemp("core"))


def inputs(conv: Conv, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (n, conv.batches, *conv.size, conv.c_in)).astype(np.int8)


def patches(lib: ctypes.CDLL, conv: Conv) -> tuple[np.ndarray, int]:
    """All windows of one input by C are right; the input, and how many were not copied."""
    model = parse(conv.tflite())
    over = window(model, model.ops[0])
    x = inputs(conv, 1)
    given, patch = core.guarded(x.size, x), core.guarded(over.elements)
    c_window = core.CWindow(*astuple(over))
    size = x.size // conv.batches
    found, direct = [], 0
    for batch in range(conv.batches):
        image = ctypes.c_void_p(given.ctypes.data + batch * size)
        for row in range(over.out_h * over.out_w):
            patch[:] = 0x33
            at = lib.mcuedit_window_patch(
                ctypes.byref(c_window), image, *divmod(row, over.out_w), conv.zx, core.address(patch)
            )
            found.append(np.frombuffer(ctypes.string_at(at, over.elements), np.int8))
            direct += at != patch.ctypes.data
            assert core.guards_hold(patch)
    np.testing.assert_array_equal(found, conv.patches(x)[0])
    return x, direct


@given(any_conv())
@settings(max_examples=200)
def test_any_window(lib: ctypes.CDLL, conv: Conv) -> None:
    patches(lib, conv)


@pytest.mark.parametrize(
    ("conv", "direct"),
    [
        (Conv(kernel=(1, 1), stride=(2, 3)), 6),
        (Conv(size=(5, 6), kernel=(2, 6), same=False, batches=2), 8),  # as wide as the input
        (Conv(size=(5, 1), kernel=(3, 1)), 3),  # all but the first and the last
        (Conv(size=(4, 6), kernel=(1, 3)), 16),
        (Conv(size=(9, 1), kernel=(3, 1), dilation=(2, 1), same=False), 0),
        (Conv(size=(9, 9), kernel=(1, 3), dilation=(1, 2), same=False), 0),
        (Conv(), 0),
    ],
)
def test_windows_that_lie_in_one_piece_are_not_copied(lib: ctypes.CDLL, conv: Conv, direct: int) -> None:
    assert patches(lib, conv)[1] == direct


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("case", CASES)
def test_stacks_of_deltas(lib: ctypes.CDLL, case: str, bits: int) -> None:
    conv = CASES[case]
    model = parse(conv.tflite())
    made = [
        deltas.delta(model, 0, 0, rank=rank, bits=bits, gated=gated, rows=rows, seed=rank)
        for rank, gated, rows in ((1, True, 2), (2, False, None), (3, True, None))
    ]
    width = made[0].a.shape[1] // 2 & ~3
    made += [deltas.delta(model, 0, 0, rank=3, bits=bits, gated=False, rows=None, seed=7, width=width)] if width else []
    check(lib, conv, [[made[0]], [made[2]], made, [made[0], made[2]]])


@given(any_conv(), st.integers(0, 1000))
@settings(max_examples=60)
def test_any_convolution(lib: ctypes.CDLL, conv: Conv, seed: int) -> None:
    model = parse(conv.tflite())
    made = [deltas.delta(model, 0, 0, rank=1 + i, bits=(8, 4)[i], rows=None, seed=seed + i) for i in range(2)]
    check(lib, conv, [made, [replace(delta, conditional=True) for delta in made]])


def check(lib: ctypes.CDLL, conv: Conv, sets: list[list[deltas.Delta]], n: int = 6) -> None:
    model = parse(conv.tflite())
    geometry = op_geometry(model, 0)
    x = inputs(conv, n)
    y = (
        np.random.default_rng(9)
        .integers(geometry.act_lo, geometry.act_hi + 1, (n, *model.output.shape))
        .astype(np.int8)
    )
    rows = y.reshape(n, -1, conv.c_out)
    for some in sets:
        got = core.add(lib, model, [deltas.adapter(model, delta, name=f"a{i}") for i, delta in enumerate(some)], x, y)
        want = add(some, [delta.project(conv.patches(x)) for delta in some], rows)
        np.testing.assert_array_equal(got, want.reshape(y.shape))


def test_an_op_that_shares_its_bit_with_another_is_left_alone(lib: ctypes.CDLL) -> None:
    """Without a delta of its own an op gathers nothing: `patch` may be NULL then."""
    conv = Conv()
    model = parse(conv.tflite())
    op = core.c_op(op_geometry(model, 0))
    ops = (core.COp * 33)(op, *(core.COp() for _ in range(31)), op)
    base = core.CBase(core.sha256_of(model), 33, 0, model.output.size, ops, None, 0)
    keep: list[object] = []
    raw = core.encode(deltas.adapter(model, deltas.delta(model, 0, 0, gated=False, rows=None)), model)
    view = core._open(lib, base, raw, keep)
    context, h = ctypes.create_string_buffer(256), core.guarded(1)
    lib.mcuedit_context_init(context, ctypes.byref(base), core.address(h), 1)
    pointers = (ctypes.c_void_p * 1)(ctypes.addressof(view))
    chosen = (ctypes.c_void_p * 2)(ctypes.addressof(pointers), 1)
    assert lib.mcuedit_context_set(context, chosen) == 0
    lib.mcuedit_context_latch(context)
    x, y = inputs(conv, 1), np.zeros(model.output.shape, np.int8)
    lib.mcuedit_context_add_windows(context, 32, core.address(x), core.address(y), None)
    assert not y.any()
    patch = core.guarded(18)
    lib.mcuedit_context_add_windows(context, 0, core.address(x), core.address(y), core.address(patch))
    assert y.any()
