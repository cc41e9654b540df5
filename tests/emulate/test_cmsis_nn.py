# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN in place of our own kernels: the same bytes. CMSIS_NN_ROOT=... pytest tests/emulate/test_cmsis_nn.py"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from helpers.virtual import needs_gcc, needs_qemu

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build.driver import build
from mcuedit.build.external import cmsis_nn
from mcuedit.build.options import BuildOptions
from mcuedit.conformance.oneop import random_inputs, random_model
from mcuedit.emulate import runner
from mcuedit.emulate.devices.firmware import sources
from mcuedit.emulate.options import RunOptions
from mcuedit.model import tflite
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

needs_cmsis_nn = pytest.mark.skipif(not os.environ.get(cmsis_nn.ROOT), reason=f"{cmsis_nn.ROOT} is not set")


@needs_cmsis_nn
@needs_gcc
@pytest.mark.parametrize(
    "kind",
    ["ADD", "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MUL", "SOFTMAX"],
)
@pytest.mark.parametrize(
    ("emulator", "name"), [("unicorn", "virt-m4"), pytest.param("qemu", "mps3-an547", marks=needs_qemu)]
)
def test_same_bytes(kind: str, emulator: str, name: str) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        net = tflite.parse(random_model(kind, rng), kind)
        x = random_inputs(net, rng, 10)
        want = Tflm(net).activations(x, net.outputs)[net.outputs[0]]
        got = runner.run(
            Base("net", net),
            options=RunOptions(emulator=emulator, board=name, build=BuildOptions(toolchain="gcc")),
            inputs=x,
        ).outputs
        np.testing.assert_array_equal(got, want.reshape(len(x), -1), err_msg=f"seed {seed}")


@needs_cmsis_nn
@needs_gcc
def test_its_kernels_are_linked(tmp_path: Path) -> None:
    net = tflite.parse(random_model("CONV_2D", np.random.default_rng(0)), "net")
    built = build(board.load("virt-m4"), sources(Base("net", net)), "server", tmp_path, BuildOptions(toolchain="gcc"))
    assert b"arm_convolve_wrapper_s8" in built.elf.read_bytes()


def test_a_wrong_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cmsis_nn.ROOT, str(tmp_path))
    with pytest.raises(McueditError, match=r"CMSIS_NN_ROOT=.* has no Include/arm_nnfunctions\.h"):
        cmsis_nn.find()
    monkeypatch.delenv(cmsis_nn.ROOT)
    assert cmsis_nn.find() is None
