# SPDX-License-Identifier: Apache-2.0
"""What a header offers for ends of another type than int8, against the numpy arithmetic."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from helpers.native import WARNINGS, core_sources, includes, link
from helpers.rims import branching, rimmed

from mcuedit import codegen
from mcuedit.model.bundle import Base
from mcuedit.model.rims import Rim
from mcuedit.model.tflite import Model, parse

EVERY = np.arange(-128, 128).astype(np.int8)
TYPES = {"FLOAT32": "float", "UINT8": "uint8_t", "INT16": "int16_t", "INT32": "int32_t"}
MACROS = "INPUT0_OFFSET INPUT0_SIZE INPUT1_OFFSET INPUT1_SIZE OUTPUT0_OFFSET OUTPUT1_OFFSET OUTPUT2_OFFSET OUTPUT2_SIZE"
QUANTIZATIONS = (
    ((1 / 16, 0), (1 / 4, 3), (1 / 16, 128), (1 / 4, 131)),  # bytes are only shifted
    ((0.7, -128), (0.003, 127), (0.31, 7), (0.0081, 0)),
    ((0.011, 5), (3.0, -128), (1.7, 1), (0.4, 9)),
)


def compiled(model: Model, shim: str, folder: Path) -> ctypes.CDLL:
    files = codegen.render_base(Base("net", model)) | {"shim.c": '#include "net.h"\n' + shim}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = [*(name for name in files if name.endswith(".c")), *core_sources()]
    return ctypes.CDLL(str(link(folder, sources, *WARNINGS, "-shared", "-fPIC", *includes(), "-I.", output="net.so")))


def ends(model: Model) -> tuple[Rim, Rim]:
    first, last = model.input_rim(), model.output_rim()
    assert first is not None
    assert last is not None
    return first, last


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("given", QUANTIZATIONS)
def test_both_ends_are_as_in_numpy(dtype: str, given: tuple[tuple[float, int], ...], tmp_path: Path) -> None:
    inner, core, outer, made = given
    model = parse(rimmed((dtype, *outer), (dtype, *made), inner=inner, core=core))
    t = TYPES[dtype]
    loops = f"""
void quantize(const {t} *from, int8_t *to, int n);
void quantize(const {t} *from, int8_t *to, int n) {{ for (int i = 0; i < n; i++) {{ to[i] = net_quantize(from[i]); }} }}
void dequantize(const int8_t *from, {t} *to, int n);
void dequantize(const int8_t *from, {t} *to, int n)
{{ for (int i = 0; i < n; i++) {{ to[i] = net_dequantize(from[i]); }} }}
"""
    net, (first, last), rng = compiled(model, loops, tmp_path), ends(model), np.random.default_rng(0)
    if dtype == "FLOAT32":
        halves = np.float32(inner[0]) * (np.arange(-300, 300) / np.float32(2) - np.float32(inner[1]))
        near = [np.nextafter(halves, np.float32(side)) for side in (-np.inf, np.inf)]
        odd = np.array([0.49999997 * inner[0], -0.49999997 * inner[0], np.inf, -np.inf, np.nan, 1e30, -1e30])
        values = np.concatenate([halves, *near, odd, rng.normal(0, 99 * inner[0], 999)])
    elif dtype == "UINT8":
        values = np.arange(256)
    else:
        info = np.iinfo(dtype.lower())
        span = min(info.max, 1 << 20)
        values = np.concatenate([rng.integers(-span, span, 999), rng.integers(-300, 300, 999), [span, -span]])
    values = values.astype(first.dtype)
    got, back = np.zeros(len(values), np.int8), np.zeros(256, last.dtype)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (values, got, EVERY, back)]
    net.quantize(*pointers[:2], len(values))
    net.dequantize(*pointers[2:], 256)
    np.testing.assert_array_equal(got, first.quantize(values))
    np.testing.assert_array_equal(back, last.dequantize(EVERY))


def test_several_ends_lie_one_after_the_other(tmp_path: Path) -> None:
    names = MACROS.split()
    listed = ", ".join(f"NET_{name}" for name in names)
    shim = f"const int places[] = {{{listed}}}; const int sizes[] = {{NET_INPUT_SIZE, NET_OUTPUT_SIZE}};"
    net = compiled(parse(branching(last="FLOAT32")), f"extern const int places[], sizes[];\n{shim}\n", tmp_path)
    places = (ctypes.c_int * len(names)).in_dll(net, "places")
    assert dict(zip(names, places, strict=True)) == {
        "INPUT0_OFFSET": 0,
        "INPUT0_SIZE": 5,
        "INPUT1_OFFSET": 5,
        "INPUT1_SIZE": 6,
        "OUTPUT0_OFFSET": 0,
        "OUTPUT1_OFFSET": 4,
        "OUTPUT2_OFFSET": 9,
        "OUTPUT2_SIZE": 1,
    }
    assert list((ctypes.c_int * 2).in_dll(net, "sizes")) == [11, 10]
