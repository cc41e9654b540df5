# SPDX-License-Identifier: Apache-2.0
"""What an inference costs on every core: executed instructions, by op."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.boards import board as boards
from mcuedit.build.external import cmsis_nn
from mcuedit.build.options import BuildOptions
from mcuedit.conformance.bytes import random_inputs
from mcuedit.emulate.devices.virtual import VirtualDevice
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.model.ops.kinds import KINDS
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window

# The one emulator that counts for each core; M55 with MVE is known to QEMU alone.
BOARDS = ("virt-m0", "virt-m3", "virt-m4", "virt-m7", "virt-m33", "mps3-an547")
TFLM_BOARDS = ("mps2-an386", "mps3-an547")  # a Cortex-M4 and a Cortex-M55 with room for an interpreter
_TIMEOUT = 600.0  # seconds: a counting emulator is slow, a large net says nothing for long


@dataclass(frozen=True)
class OpCost:
    """An op that leaves code; `macs` is 0 where it multiplies no weights."""

    index: int
    kind: str
    macs: int
    instructions: int


@dataclass(frozen=True)
class Speed:
    """One base on one board.

    Attributes:
        ops: of the bare runtime; an interpreter does not tell them apart.
        total: instructions of an inference without adapters, ops and what is around them.
        skipped: why nothing could be measured; `ops` is empty then and `total` 0.
    """

    board: str
    cpu: str
    ops: tuple[OpCost, ...]
    total: int
    skipped: str = ""


def measure(
    base: Base, name: str, *, inputs: int = 1, seed: int = 0, toolchain: str = "auto", runtime: str = "bare"
) -> Speed:
    """Runs random inputs on a board and takes the mean.

    Args:
        name: of a board with an emulator.
        runtime: one of `mcuedit.build.options.RUNTIMES`.

    Raises:
        McueditError: no such board, or the bare runtime does not support the model.
    """
    board = boards.load(name)
    codegen.plan_arena(base.model)
    x = random_inputs(base, inputs, seed)
    try:
        emulator = next(iter(board.emulators))
        build = BuildOptions(runtime, toolchain)
        with VirtualDevice(base, (), RunOptions(emulator, name, count=True, timeout=_TIMEOUT, build=build)) as device:
            if cmsis_nn.find():  # what its constants are made for is the first inference alone
                device.run(x[:1])
                device.counts.clear()
            device.run(x)
            counts = device.counts
    except McueditError as error:  # not installed, or too large for the board
        return Speed(name, board.cpu, (), 0, error.message)
    mean = {op: round(float(np.mean([c.ops[op] for c in counts]))) for op in counts[0].ops}
    ops = [base.model.ops[index] for index in mean]
    costs = tuple(OpCost(op.index, op.kind, macs(base.model, op), mean[op.index]) for op in ops)
    return Speed(name, board.cpu, costs, round(float(np.mean([c.total for c in counts]))))


def all_macs(model: Model) -> int:
    """Those of all ops."""
    return sum(macs(model, op) for op in model.ops)


def macs(model: Model, op: Op) -> int:
    """Multiplications of an op with its weights, those with padding included."""
    if op.kind not in KINDS or not KINDS[op.kind].weights:
        return 0
    outputs, weights = model.tensors[op.outputs[0]].size, model.tensors[op.inputs[1]]
    if op.kind == "DEPTHWISE_CONV_2D":
        over = window(model, op)
        return outputs * over.kernel_h * over.kernel_w
    return outputs * (weights.size // weights.shape[0])
