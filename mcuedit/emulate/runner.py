# SPDX-License-Identifier: Apache-2.0
"""Runs a base with adapters on any emulator, and compares with the oracle."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.build.driver import BuildResult
from mcuedit.build.external import tflm
from mcuedit.build.linker import Footprint
from mcuedit.build.options import BuildOptions
from mcuedit.emulate.devices.device import Answer, Counts, Device
from mcuedit.emulate.devices.firmware import build_app
from mcuedit.emulate.devices.virtual import VirtualDevice
from mcuedit.emulate.options import HERE, RunOptions
from mcuedit.model import compiled
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle
from mcuedit.model.scales import matter
from mcuedit.model.tflite import Model


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Attributes:
        inputs: int8[n, input size], of sequences int8[n, T * input size]: the prompts' features and the given inputs.
        outputs: int8[n, output size].
        answers: one per prompt.
        counts: one per sample; empty without counting. With TFLM, which has no trace points in an inference,
            `delta` is what it takes more than with no adapter active.
        peak_stack, arena, footprint, toolchain, board: None where no firmware runs. The footprint is that of
            the firmware without trace points, also when it was counted with them.
        seconds: of the inferences, without the build.
    """

    inputs: Int8Array
    outputs: Int8Array
    answers: tuple[Answer, ...]
    counts: tuple[Counts, ...]
    peak_stack: int | None
    arena: int | None
    footprint: Footprint | None
    toolchain: str | None
    board: str | None
    seconds: float

    @property
    def instructions(self) -> Counts | None:
        """The mean over all inferences; None without counting."""
        if not self.counts:
            return None
        n = len(self.counts)
        ops = {op: round(sum(c.ops[op] for c in self.counts) / n) for op in self.counts[0].ops}
        return Counts(round(sum(c.total for c in self.counts) / n), ops, round(sum(c.delta for c in self.counts) / n))


def run(
    base: Base,
    adapters: Sequence[Adapter] = (),
    options: RunOptions = HERE,
    *,
    prompts: Sequence[str] = (),
    inputs: Int8Array | None = None,
    active: Sequence[bool] | None = None,
) -> Result:
    """Builds, starts, asks, and ends everything again.

    Args:
        prompts: asked on the device, then run as features again for their output bytes.
        inputs: int8[n, *input]; of a base with state also int8[n, T, *input] (`Device.run`).
        active: which adapters take part; None: all.

    Raises:
        McueditError: as `open_device` and `Device`.
    """
    if options.backend.session and base.model.stateful and inputs is not None and len(inputs) > 1:
        raise McueditError(
            f"base {base.name} keeps a state, which firmware never resets: {len(inputs)} inputs would be one sequence",
            "give one input, or use --emulator host, where each starts anew",
        )
    with open_device(base, adapters, options) as device:
        if active is not None:
            device.use(active)
        start = time.perf_counter()
        answers = device.ask(prompts) if prompts else []
        samples = [base.encode(prompts)] if prompts else []
        samples += [inputs] if inputs is not None else []
        width = base.model.input_size
        x = np.concatenate([r.reshape(len(r), -1) for r in samples] or [np.zeros((0, width), np.int8)])
        device.counts.clear()  # of `ask`: the same inferences follow
        outputs = device.run(x)
        seconds = time.perf_counter() - start
        return Result(
            inputs=x,
            outputs=outputs,
            answers=tuple(answers),
            counts=_counts(device, x, len(adapters)),
            peak_stack=device.stack_peak(),
            arena=device.arena_used(),
            footprint=_footprint(base, adapters, device.built, options.build) if device.built else None,
            toolchain=device.built.toolchain if device.built else None,
            board=device.built.board.name if device.built else None,
            seconds=seconds,
        )


def _counts(device: Device, x: Int8Array, adapters: int) -> tuple[Counts, ...]:
    """What was counted, its deltas told from the base by running that alone where no trace point tells them."""
    counts = tuple(device.counts)
    if not counts or counts[0].ops:
        return counts
    device.counts.clear()
    device.use([False] * adapters)
    device.run(x)
    return tuple(replace(c, delta=c.total - alone.total) for c, alone in zip(counts, device.counts, strict=True))


def _footprint(base: Base, adapters: Sequence[Adapter], built: BuildResult, options: BuildOptions) -> Footprint:
    if not built.traced:
        return built.footprint
    with system.folder() as folder:
        same = replace(options, toolchain=built.toolchain)
        return build_app("server", base, adapters, built.board, Path(folder), same).footprint


def open_device(base: Base, adapters: Sequence[Adapter] = (), options: RunOptions = HERE) -> Device:
    """Builds and starts a device; use it as a context manager.

    Raises:
        McueditError: something is not installed, cannot be built, or does not go together.
    """
    open_it = options.backend.device
    return open_it(base, adapters, options.build.runtime) if open_it else VirtualDevice(base, adapters, options)


def best_oracle(model: Model) -> Oracle:
    """TFLM where tflite-micro is installed and takes scales as the model does, else the host engine; see its `name`.

    Of a model that was compiled for an accelerator: of what it was compiled from.

    Raises:
        McueditError: as `Tflm` or `Engine`, or a compiled model comes without its source.
    """
    return compiled.oracle(model, _best_oracle)


def _best_oracle(model: Model) -> Oracle:
    if find_spec("tflite_micro") is not None and not matter(model):
        from mcuedit.model.oracle import Tflm

        return Tflm(model)
    from mcuedit.emulate.backends.engine import Engine

    return Engine(model)


def as_firmware(base: Base, runtime: str) -> Base:
    """The base as firmware computes it: with TensorFlow Lite Micro in it, with the scales of TFLM_ROOT's kernels.

    Raises:
        McueditError: runtime "tflm" without TFLM_ROOT.
    """
    return with_scales(base, tflm.scales(tflm.root()).floats) if runtime == "tflm" else base


def with_scales(base: Base, floats: Iterable[str]) -> Base:
    """The base with ratios of scales in float for ops of some kinds (`Model.float_scales`)."""
    chosen = frozenset(floats)
    same = chosen == base.model.float_scales
    return base if same else replace(base, model=replace(base.model, float_scales=chosen))


def expected(base: Base, adapters: Sequence[Adapter], oracle: Oracle, inputs: Int8Array) -> Int8Array:
    """What every device must give: int8[n, output size]; the base by the oracle, the deltas by numpy."""
    from mcuedit.emulate.backends.oracle_device import OracleDevice

    return OracleDevice(base, adapters, oracle).run(inputs)
