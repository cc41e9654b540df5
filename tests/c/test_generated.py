# SPDX-License-Identifier: Apache-2.0
"""What the header of a generated base offers beside the inference: numbers as elements, names of classes."""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np
import pytest
from helpers import tiny
from helpers.native import WARNINGS, core_sources, includes, link

from mcuedit import codegen
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

LABELS = ("red", "green", "blue")
SHIM = """#include "net.h"
int8_t quantize(float value);
float dequantize(int8_t element);
const char *label(uint16_t index);
int8_t quantize(float value) { return net_quantize(value); }
float dequantize(int8_t element) { return net_dequantize(element); }
const char *label(uint16_t index) { return net_label(index); }
"""


@pytest.fixture(scope="module")
def base() -> Base:
    return dataclasses.replace(Base("net", parse(tiny.classifier((8, 3)), "net")), labels=LABELS)


@pytest.fixture(scope="module")
def net(base: Base, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("generated")
    files = codegen.render_base(base) | {"shim.c": SHIM}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = [*(name for name in files if name.endswith(".c")), *core_sources()]
    lib = ctypes.CDLL(str(link(folder, sources, *WARNINGS, "-shared", "-fPIC", *includes(), "-I.", output="net.so")))
    lib.quantize.argtypes, lib.quantize.restype = [ctypes.c_float], ctypes.c_int8
    lib.dequantize.argtypes, lib.dequantize.restype = [ctypes.c_int8], ctypes.c_float
    lib.label.restype = ctypes.c_char_p
    return lib


def test_numbers_become_the_nearest_element(base: Base, net: ctypes.CDLL) -> None:
    scale, zero = float(base.model.input.scale[0]), base.model.input.zero
    steps = np.arange(-300, 300) + 0.25
    got = [net.quantize(float(step * scale)) for step in steps]
    np.testing.assert_array_equal(got, np.clip(np.rint(steps) + zero, -128, 127))


def test_numbers_beyond_the_range_and_no_numbers_are_elements(net: ctypes.CDLL) -> None:
    extremes = (float("inf"), 1e30, -1e30, float("-inf"), float("nan"))
    assert [net.quantize(value) for value in extremes] == [127, 127, -128, -128, -128]


def test_elements_become_numbers(base: Base, net: ctypes.CDLL) -> None:
    output = base.model.output
    elements = np.arange(-128, 128)
    want = (elements - output.zero).astype(np.float32) * np.float32(output.scale[0])
    np.testing.assert_array_equal([net.dequantize(int(e)) for e in elements], want)


def test_a_class_beyond_the_labels_has_no_name(net: ctypes.CDLL) -> None:
    assert [net.label(i) for i in (0, 2, 3, 65535)] == [b"red", b"blue", None, None]
