# SPDX-License-Identifier: Apache-2.0
"""Deltas at the rim of an accelerator: a net that Vela compiled, and a kernel in the accelerator's place.

What a delta adds is proven against numpy over the net that Vela read. That the accelerator computes that net's bytes is
Vela's word: no emulator here has one.
"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import core, tiny, vela
from helpers.deltas import adapter, at_every_op, delta
from helpers.tflm_here import needs_runtime
from helpers.vela import needs_vela

from mcuedit import zoo
from mcuedit._util import resources
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Adapter
from mcuedit.build import compilers
from mcuedit.build.external import tflm
from mcuedit.emulate import runner
from mcuedit.emulate.backends.plugin import PluginDevice, runtime_is_newer
from mcuedit.model.adaptable import OUTPUT, op_geometry
from mcuedit.model.bundle import Base, load
from mcuedit.model.compiled import attached
from mcuedit.model.tflite import parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")


def folder_of(source: bytes, compiled: bytes, folder: Path) -> Base:
    """The folder that a user makes."""
    folder.mkdir()
    (folder / "model.tflite").write_bytes(compiled)
    (folder / "source.tflite").write_bytes(source)
    return load(folder)


def some(base: Base) -> list[Adapter]:
    """Taps at the accelerator's input and at its output, gated and plain, and both in one adapter."""
    model = base.model
    at = [delta(model, 0, 0, rank=2), delta(model, OUTPUT, 0, seed=1, rows=None), delta(model, OUTPUT, 0, gated=False)]
    return [*(adapter(model, d) for d in at), adapter(model, *at[:2]), *at_every_op(model)]


def agree(base: Base, folder: Path) -> None:
    model, chosen = base.model, some(base)
    assert [op.custom for op in model.ops] == ["ethos-u"]
    rng, oracle = np.random.default_rng(0), runner.best_oracle(model)
    x = rng.integers(-128, 128, (40, model.input_size)).astype(np.int8)
    plain = runner.expected(base, [], oracle, x)
    kernel = _standin(folder)

    def compute(given: int, made: int) -> None:
        row = np.ctypeslib.as_array(ctypes.cast(given, ctypes.POINTER(ctypes.c_int8)), (model.input_size,)).copy()
        out = runner.expected(base, [], oracle, row[None])
        ctypes.memmove(made, out.ctypes.data, out.size)

    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(compute)
    kernel.standin_set(function)
    with PluginDevice(base, chosen, kernels=["ethos_u_standin"]) as device:
        assert device.status == "OK"
        for n in [*range(len(chosen)), None]:
            active = [n in (i, None) for i in range(len(chosen))]
            want = runner.expected(base, [a for a, on in zip(chosen, active, strict=True) if on], oracle, x)
            device.use(active)
            np.testing.assert_array_equal(device.run(x), want)
            assert (want != plain).any()
        device.use([False] * len(chosen))
        np.testing.assert_array_equal(device.run(x), plain)


def _standin(folder: Path) -> ctypes.CDLL:
    compiler = compilers.find_host_cxx_compiler(tflm.root())
    source = Path(__file__).with_name("tflm_standin.cc")
    newer = ("-DMCUEDIT_TFLM_NEWER",) * runtime_is_newer(tflm.root())
    flags = (
        *newer,
        "-O1",
        "-fPIC",
        "-shared",
        "-DSTANDIN_REGISTERER=ethos_u_standin",
        f"-I{resources.path('firmware')}",
    )
    subprocess.run([*compiler.cxx, *flags, str(source), "-o", "standin.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "standin.so"), ctypes.RTLD_GLOBAL)


@needs_runtime
@needs_vela
@pytest.mark.parametrize("name", ["tiny", "digits"])
def test_a_net_of_vela_in_the_wrapper(name: str, tmp_path: Path) -> None:
    """The kernel overwrites its input and its working memory: what the tap reads was read before."""
    source = tiny.classifier((16, 24, 12)) if name == "tiny" else (zoo.folder(name) / "model.tflite").read_bytes()
    (tmp_path / "vela").mkdir()
    agree(folder_of(source, vela.compiled(source, tmp_path / "vela"), tmp_path / "net"), tmp_path)


@needs_runtime
def test_a_net_in_vela_s_form_in_the_wrapper(tmp_path: Path) -> None:
    source = tiny.classifier((16, 24, 12))
    agree(folder_of(source, vela.in_its_form(source), tmp_path / "net"), tmp_path)


def test_the_core_reads_the_input_before_the_accelerator_overwrites_it(tmp_path: Path) -> None:
    """Without TFLM: take, the op, give, as the wrapper calls them."""
    source = tiny.classifier((16, 24, 12))
    model = attached(parse(vela.in_its_form(source)), parse(source))
    base, lib, oracle = Base("net", model), core.load(tmp_path), runner.best_oracle(model)
    x = np.random.default_rng(0).integers(-128, 128, (60, 16)).astype(np.int8)
    plain = runner.expected(base, [], oracle, x)
    for chosen in [[one] for one in some(base)] + [some(base)]:
        got = core.add_at_rim(lib, model, chosen, x, plain)
        np.testing.assert_array_equal(got, runner.expected(base, chosen, oracle, x))
    assert all(len(encoding.encode(one, model)) for one in some(base))
    assert op_geometry(model, 0).positions == 1
