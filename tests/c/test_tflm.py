# SPDX-License-Identifier: Apache-2.0
"""The kernel wrapper inside TFLM's own runtime: what it adds, when it does, and when it refuses to."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.tflm_here import needs_runtime

from mcuedit import codegen
from mcuedit._util import resources
from mcuedit.adapter.delta import Adapter
from mcuedit.build import compilers
from mcuedit.build.external import tflm
from mcuedit.conformance.bytes import random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import runner
from mcuedit.emulate.backends.plugin import PluginDevice
from mcuedit.model import bundle as bases
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

DATA = Path(__file__).resolve().parents[2] / "mcuedit" / "zoo" / "data"

pytestmark = needs_runtime


def expected(base: Base, chosen: Sequence[Adapter], x: np.ndarray) -> np.ndarray:
    return runner.expected(base, chosen, runner.best_oracle(base.model), x)


def net() -> Base:
    return Base("net", parse(tiny.classifier((16, 24, 12, 8)), "net"))


@pytest.mark.parametrize("name", ["facts", "digits"])
def test_stacks(name: str) -> None:
    base = bases.load(DATA / name)
    chosen, x = adapters(base.model, 10), random_inputs(base, 50)
    with PluginDevice(base, chosen) as device:
        assert device.status == "OK"
        for n in (10, 0, 1):  # on and off again, in one interpreter whose tensors were allocated before
            device.use([i < n for i in range(10)])
            assert (device.run(x) == expected(base, chosen[:n], x)).all(), n


def test_shared_models(shared_model: Path) -> None:
    base = bases.load(shared_model)
    chosen, x = adapters(base.model, 10), random_inputs(base, 10)
    with PluginDevice(base, chosen) as device:
        assert (device.run(x) == expected(base, chosen, x)).all()
    assert base.model.data == shared_model.read_bytes()


def test_a_tap_before_its_target() -> None:
    base = net()
    both = [
        adapter(base.model, delta(base.model, 0, 2, seed=3), delta(base.model, 1, 2, seed=4), delta(base.model, 1, 1))
    ]
    x = random_inputs(base, 100)
    with PluginDevice(base, both) as device:
        assert (device.run(x) == expected(base, both, x)).all()
    assert (expected(base, both, x) != expected(base, [], x)).any()


def test_another_model_runs_as_it_is() -> None:
    """The constants are right, the bytes in memory are not: the base runs on, and the status says why."""
    base = net()
    weights = base.model.tensors[base.model.ops[0].inputs[1]].data
    assert weights is not None
    data = bytearray(base.model.data)
    data[data.index(weights.tobytes())] ^= 1
    other, chosen, x = Base("net", parse(bytes(data), "net")), adapters(base.model, 3), random_inputs(base, 50)
    with PluginDevice(base, chosen, data=bytes(data)) as device:
        assert device.status == "E_BASE"
        device.use([True] * 3)
        assert (device.run(x) == expected(other, [], x)).all()
    with PluginDevice(base, chosen, data=base.model.data + b"\0") as device:
        assert device.status == "E_BASE"


def test_tensors_that_are_not_as_they_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    base, x = net(), random_inputs(net(), 20)
    render = codegen.render_tflm_base
    for right, wrong in (
        (".n_in = 16", ".n_in = 8"),
        (".n_out = 12", ".n_out = 24"),
        ("outputs[4] = {", "outputs[4] = {9"),
    ):

        def changed(of: Base, right: str = right, wrong: str = wrong) -> dict[str, str]:
            files = render(of)
            assert right in files["base.c"], files["base.c"]
            return files | {"base.c": files["base.c"].replace(right, wrong)}

        monkeypatch.setattr(codegen, "render_tflm_base", changed)
        with PluginDevice(base, []) as device:
            assert device.status == "E_GEOMETRY", wrong
            assert (device.run(x) == expected(base, [], x)).all()


def test_a_swap_in_the_middle_waits_for_the_next_inference(tmp_path: Path) -> None:
    base = net()
    chosen = [adapter(base.model, delta(base.model, op, op, rows=None, gated=False)) for op in (0, 1, 2)]
    x = random_inputs(base, 1)
    all_three, none = expected(base, chosen, x), expected(base, [], x)
    assert (all_three != none).any()
    library = _hook(tmp_path)
    with PluginDevice(base, chosen, registerers=["swap_hook"]) as device:
        swaps = [[False] * 3]
        function = ctypes.CFUNCTYPE(None)(lambda: device.use(swaps.pop()) if swaps else None)
        library.hook_set(function)
        assert (device.run(x) == all_three).all()
        assert not swaps  # the first op was followed by one
        library.hook_set(None)
        assert (device.run(x) == none).all()


def _hook(folder: Path) -> ctypes.CDLL:
    compiler = compilers.find_host_cxx_compiler(tflm.root())
    source = Path(__file__).with_name("tflm_hook.cc")
    flags = ("-O1", "-fPIC", "-shared", "-DHOOK_REGISTERER=swap_hook", f"-I{resources.path('firmware')}")
    subprocess.run([*compiler.cxx, *flags, str(source), "-o", "hook.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "hook.so"), ctypes.RTLD_GLOBAL)


def test_both_namespaces_compile(tmp_path: Path) -> None:
    """Newer versions keep all names in tflite::micro, and have less in a TfLiteContext."""
    (tmp_path / "tensorflow/lite/c").mkdir(parents=True)
    (tmp_path / "tensorflow/lite/micro").mkdir()
    (tmp_path / "tensorflow/lite/c/common.h").write_text(COMMON, encoding="utf-8")
    for name in ("micro_common.h", "micro_context.h"):
        (tmp_path / "tensorflow/lite/micro" / name).write_text("", encoding="utf-8")
    firmware = resources.path("firmware")
    paths = [f"-I{tmp_path}", f"-I{firmware / 'include'}", f"-I{firmware / 'tflm'}"]
    compiler = compilers.find_host_cxx_compiler(tflm.root()).cxx[0]
    (tmp_path / "user.cc").write_text(USER, encoding="utf-8")
    for source in (firmware / "tflm" / "mcuedit_tflm.cc", tmp_path / "user.cc"):
        command = [compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", *paths, "-fsyntax-only", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


COMMON = """
#pragma once
#include <cstddef>
#include <cstdint>
namespace tflite { namespace micro {
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
enum TfLiteType { kTfLiteInt8 = 9 };
struct TfLiteIntArray { int size; int data[1]; };
struct TfLiteEvalTensor { union { int8_t *int8; } data; TfLiteIntArray *dims; TfLiteType type; };
struct TfLiteNode { TfLiteIntArray *inputs, *outputs; void *user_data; };
struct TfLiteContext { void *impl_; };
struct MicroContext {
    void *AllocatePersistentBuffer(size_t);
    TfLiteStatus RequestScratchBufferInArena(size_t, int *);
    void *GetScratchBuffer(int);
    TfLiteEvalTensor *GetEvalTensor(int);
    void *external_context();
};
inline MicroContext *GetMicroContext(TfLiteContext *context) { return static_cast<MicroContext *>(context->impl_); }
struct TFLMRegistration {
    void *(*init)(TfLiteContext *, const char *, size_t);
    void (*free)(TfLiteContext *, void *);
    TfLiteStatus (*prepare)(TfLiteContext *, TfLiteNode *);
    TfLiteStatus (*invoke)(TfLiteContext *, TfLiteNode *);
    void (*reset)(TfLiteContext *, void *);
};
TFLMRegistration Register_FULLY_CONNECTED();
} }
"""

USER = """
#include "mcuedit_tflm.h"
using namespace mcuedit::tflm;
struct Mine { int other; mcuedit_tflm deltas; };
static mcuedit_tflm *FindMine(TfLiteContext *context)
{
    return &static_cast<Mine *>(Context(context)->external_context())->deltas;
}
TFLMRegistration Wrapped();
TFLMRegistration Wrapped() { return mcuedit::Wrap<Register_FULLY_CONNECTED, FindMine>(); }
"""
