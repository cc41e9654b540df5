# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED of 16-bit activations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import IntArray
from mcuedit.codegen.ops import require
from mcuedit.model.ops import operator
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.int16.common import bias, halved
from mcuedit.model.ops.int16.weighted import matrix
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.linear import multipliers
from mcuedit.model.tflite import Model, Op

_MOST = 0xFFFF

Fields = tuple[tuple[str, str], ...]
Constants = dict[str, npt.NDArray[Any]]


def fully_connected(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_fully_connected_s16."""
    operator(model, op)  # proves that types, shapes and sums fit
    n_in, weights, _ = matrix(model, op)
    constants, fields = matmul(model, op, weights.T, "matrix")
    fields += (("positions", str(model.tensors[op.inputs[0]].size // n_in)),)
    return Lowered("mcuedit_fully_connected_s16", "mcuedit_fully_connected_16x8", fields, constants)


def matmul(model: Model, op: Op, weights: IntArray, prefix: str) -> tuple[Constants, Fields]:
    """Constants and fields of a mcuedit_matmul_16x8, of weights int64[n_out, n_in]."""
    fits = int(weights.min()) >= -128 and int(weights.max()) <= 127
    require(fits, op, "its weights leave int8 without their zero point")
    n_out, n_in = weights.shape
    require(max(n_in, n_out) <= _MOST, op, f"{n_in} inputs to {n_out} outputs: more than 65535", "make it smaller")
    constants, fields = requantization(model, op, n_out, f"{prefix}.requant")
    params = {"weights": "{weights}", "bias": "{bias}", "n_in": n_in, "n_out": n_out}
    first = tuple((f"{prefix}.{name}", str(value)) for name, value in params.items())
    return {"weights": weights.astype(np.int8), **constants}, first + fields


def requantization(model: Model, op: Op, channels: int, prefix: str) -> tuple[Constants, Fields]:
    """Biases, constants and fields of a mcuedit_requant_s16."""
    biases, long = bias(model, op, channels)
    scales = np.array(multipliers(model, op), np.int64)
    low, high = limits(op, model.tensors[op.outputs[0]])
    constants: Constants = {
        "bias": biases,
        "multipliers": (halved(scales[:, 0]) if long else scales[:, 0]).astype(np.int32),
        "shifts": scales[:, 1].astype(np.int8),
    }
    params = {
        "multipliers": "{multipliers}",
        "shifts": "{shifts}",
        "per_channel": int(len(scales) > 1),
        "is_long": int(long),
        "act_lo": low,
        "act_hi": high,
    }
    return constants, tuple((f"{prefix}.{name}", str(value)) for name, value in params.items())
