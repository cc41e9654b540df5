# SPDX-License-Identifier: Apache-2.0
"""Firmware on a virtual board, as a function."""

from __future__ import annotations

from collections.abc import Sequence

from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.api.base import Base
from mcuedit.emulate.options import HERE, RunOptions
from mcuedit.emulate.runner import Result, run


def simulate(
    base: Base,
    adapters: Sequence[Adapter] | None = None,
    options: RunOptions = HERE,
    *,
    prompts: Sequence[str] = (),
    inputs: Int8Array | None = None,
) -> Result:
    """Builds the firmware of a base with adapters, starts it on a virtual board, asks, and ends everything again.

    Args:
        adapters: all in force; None: those of `base.set_adapters`.
        options: emulator, board, how firmware is built, and whether executed instructions are counted.
        prompts: asked on the device, then run as features again for their output bytes.
        inputs: int8[n, *input]; of a base with state also int8[n, T, *input].

    Returns:
        Answers, output bytes, and the instructions of every inference if they were counted.

    Raises:
        McueditError: something is not installed, cannot be built, or does not go together.
    """
    return run(base, base.adapters if adapters is None else adapters, options, prompts=prompts, inputs=inputs)
