# SPDX-License-Identifier: Apache-2.0
"""What training takes on the device: the same numbers as the macros of firmware/include/mcuedit/train.h."""

from __future__ import annotations

from collections.abc import Sequence

from mcuedit.model.adaptable import OpGeometry, op_geometry
from mcuedit.model.tflite import Model
from mcuedit.ondevice.gate import GateTrainer
from mcuedit.ondevice.statistics import GateStatistics

STATE = 60  # bytes of mcuedit_train_state


def gate_workspace(n_in: int, corrections: int, replay: int, rows: int) -> int:
    """MCUEDIT_TRAIN_GATE_SIZE: bytes of workspace for a gate on a tap of `n_in` elements.

    Args:
        corrections: wordings of an edit that it takes at most.
        replay: confirmed inputs that it takes at most.
        rows: those of the statistics in flash.
    """
    even = n_in + 1 & ~1
    scores = 2 * (1 + corrections + rows + replay) + 3 & ~3
    return STATE + 10 * even + scores + ((corrections + replay) * n_in + 3 & ~3)


def gate_macs(twin: GateTrainer) -> int:
    """Multiply-accumulates of one step in which every row pulls: forward, backward, and the damped directions."""
    directions, n_in = twin.statistics.directions.shape
    rows = 1 + len(twin.corrections) + len(twin.statistics.rows) + len(twin.replay)
    return 2 * (rows + int(directions)) * int(n_in)


FACTORS_STATE = 24  # bytes of mcuedit_train_factors_state


def factors_width(sizes: Sequence[int], geometry: OpGeometry, rank: int) -> int:
    """Elements that gradients take: `sizes` are those of the outputs of the trained op and of those behind it."""
    return max(*sizes, rank * (geometry.n_in + geometry.n_out) if geometry.positions > 1 else 0)


def factors_workspace(
    geometry: OpGeometry, rank: int, sizes: Sequence[int], corrections: int, replay: int, *, master: int = 2
) -> int:
    """MCUEDIT_TRAIN_FACTORS_SIZE: bytes of workspace for `rank` factors of an op.

    Args:
        sizes: of the outputs of the trained op and of those behind it, up to the logits.
        corrections, replay: inputs that it takes at most.
        master: bytes of one, 4 with MCUEDIT_TRAIN_FLOAT.
    """
    samples, n_in, width = corrections + replay, geometry.n_in, factors_width(sizes, geometry, rank)
    masters = master * rank * (n_in + 1 & ~1) + (master * geometry.n_out * rank + 2 * samples + 3 & ~3)
    held = sum(sizes) + geometry.positions * (rank + samples * n_in)
    return FACTORS_STATE + 20 * rank + 8 * width + masters + (held + 3 & ~3)


def factors_macs(shapes: Sequence[tuple[int, int]], rank: int) -> int:
    """Multiply-accumulates of one step with a loss.

    Args:
        shapes: (n_in, n_out) of the trained op, then of the FULLY_CONNECTED ops behind it.
    """
    forward = sum(n_in * n_out for n_in, n_out in shapes)
    backward = sum(n_in * n_out for n_in, n_out in shapes[1:])
    return forward + backward + 3 * rank * sum(shapes[0])


def gate_budget(model: Model, statistics: GateStatistics, tap: int, corrections: int, replay: int) -> dict[str, int]:
    """What training a gate takes: bytes of RAM, flash and adapter (with one old answer), steps and their work."""
    n_in, rows = op_geometry(model, tap).n_in, len(statistics.rows)
    work = 2 * (1 + corrections + rows + replay + len(statistics.directions)) * n_in
    adapter = 20 + 20 + 8 + n_in + n_in % 2 + 4 + 1 + 2
    return {
        "workspace": gate_workspace(n_in, corrections, replay, rows),
        "flash": statistics.size,
        "adapter": adapter + -adapter % 4,
        "steps": statistics.steps,
        "macs_per_step": work,
    }
