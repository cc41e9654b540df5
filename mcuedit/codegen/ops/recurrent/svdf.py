# SPDX-License-Identifier: Apache-2.0
"""SVDF, its state int8 or int16."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.recurrent.svdf import STATE, Svdf
from mcuedit.model.tflite import Model, Op


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_svdf_s8."""
    it = Svdf(model, op)
    constants: dict[str, npt.NDArray[Any]] = {
        "feature": it.feature,
        "offset": it.offset.astype(np.int32),
        "time": it.time.astype(np.int16),
        "bias": it.bias.astype(np.int32),
    }
    params: dict[str, str | int] = {name: f"{{{name}}}" for name in constants}
    params |= {"in_multiplier": it.into[0], "in_shift": it.into[1]}
    params |= {"out_multiplier": it.out[0], "out_shift": it.out[1]}
    params |= {"batches": it.batches, "n_in": it.n_in, "units": it.bias.size, "rank": it.rank, "memory": it.memory}
    params |= {"wide": int(it.wide), "state_zero_point": it.state_zero, "zero_point": it.output_zero}
    fields = tuple((name, str(value)) for name, value in params.items())
    operands = ("input", "output", "state0")
    return Lowered("mcuedit_svdf_s8", "mcuedit_svdf", fields, constants, operands, states=(op.inputs[STATE],))
