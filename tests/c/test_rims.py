# SPDX-License-Identifier: Apache-2.0
"""What a header offers for ends of another type than int8, against the numpy arithmetic."""

from __future__ import annotations

import ctypes
import subprocess
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
TFLM = """#pragma once
/* As much of TensorFlow Lite Micro as the resolver of these bases names. */
#include "mcuedit/mcuedit.h"
typedef struct { int unused; } mcuedit_tflm_model;
#ifdef __cplusplus
enum TfLiteStatus { kTfLiteOk };
union Data { float *f; uint8_t *uint8; int8_t *int8; int16_t *i16; int32_t *i32; };
struct Tensor { Data data; };
namespace mcuedit { namespace tflm {
struct MicroInterpreter {
    Tensor inputs[4], outputs[4], *tensors;
    Tensor *input(int i) { return inputs + i; }
    Tensor *output(int i) { return outputs + i; }
    Tensor *GetTensor(int i) { return tensors + i; }
};
template <int> struct MicroMutableOpResolver {
    template <typename... T> TfLiteStatus AddFullyConnected(T...) { return kTfLiteOk; }
    template <typename... T> TfLiteStatus AddAdd(T...) { return kTfLiteOk; }
    template <typename... T> TfLiteStatus AddQuantize(T...) { return kTfLiteOk; }
    template <typename... T> TfLiteStatus AddDequantize(T...) { return kTfLiteOk; }
    template <typename... T> TfLiteStatus AddReshape(T...) { return kTfLiteOk; }
};
inline int Register_FULLY_CONNECTED_INT8() { return 0; }
inline int Register_ADD_INT8() { return 0; }
} template <int (*f)()> int Wrap() { return f(); } }
#endif
"""
FEED = """#include "net_resolver.h"
extern "C" void feed(void **ends, const int8_t *input);
extern "C" void fetch(void **ends, int8_t *output);
static mcuedit::tflm::MicroInterpreter interpreter;
extern "C" void feed(void **ends, const int8_t *input)
{
    for (int i = 0; i < 2; i++) { interpreter.inputs[i].data.f = (float *)ends[i]; }
    net_set_input(&interpreter, input);
}
extern "C" void fetch(void **ends, int8_t *output)
{
    for (int i = 0; i < 3; i++) { interpreter.outputs[i].data.f = (float *)ends[i]; }
    net_get_output(&interpreter, output);
}
"""
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


@pytest.mark.parametrize(("first", "last"), [*zip(TYPES, reversed(TYPES), strict=True), ("INT8", "INT8")])
def test_an_interpreter_is_given_what_becomes_the_core_s_bytes(first: str, last: str, tmp_path: Path) -> None:
    model = parse(branching(first=first, last=last))
    name = f"net_{first}_{last}".lower()  # libraries of one process share what is static in inline functions
    files = codegen.render_tflm_base(Base(name, model))
    files |= {"mcuedit_tflm.h": TFLM, "feed.cc": FEED.replace("net_", f"{name}_")}
    headers = ("micro_mutable_op_resolver.h", "micro_interpreter.h")
    files |= {f"tensorflow/lite/micro/{header}": "" for header in headers}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    made = tmp_path / "feed.so"
    flags = ("-std=c++17", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", *includes(), "-I.")
    subprocess.run(["c++", *flags, "feed.cc", "-o", made], cwd=tmp_path, check=True)
    lib, rng = ctypes.CDLL(str(made)), np.random.default_rng(0)
    x = rng.integers(-128, 128, 11).astype(np.int8)
    rims = zip((5, 6), model.input_rims, strict=True)
    given = [np.zeros(n, rim.dtype if rim else np.int8) for n, rim in rims]
    lib.feed((ctypes.c_void_p * 2)(*(end.ctypes.data for end in given)), ctypes.c_void_p(x.ctypes.data))
    np.testing.assert_array_equal(given[0], x[:5])
    rim = model.input_rims[1]
    np.testing.assert_array_equal(rim.quantize(given[1]) if rim else given[1], x[5:])
    y = rng.integers(-128, 128, 10).astype(np.int8)
    rim = model.output_rims[1]
    told = [y[:4].copy(), rim.dequantize(y[4:9]) if rim else y[4:9].copy(), y[9:].copy()]
    got = np.zeros(10, np.int8)
    lib.fetch((ctypes.c_void_p * 3)(*(end.ctypes.data for end in told)), ctypes.c_void_p(got.ctypes.data))
    np.testing.assert_array_equal(got, y)
