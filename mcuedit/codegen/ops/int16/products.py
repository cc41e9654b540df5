# SPDX-License-Identifier: Apache-2.0
"""BATCH_MATMUL and TRANSPOSE_CONV of 16-bit activations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.codegen.ops.products import batch_matmul as narrow
from mcuedit.codegen.ops.products.transpose_conv import sizes
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.ops import operator
from mcuedit.model.ops.common import limits
from mcuedit.model.ops.int16.common import halved
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.products.transpose_conv import bias
from mcuedit.model.scales import ratios
from mcuedit.model.tflite import INT64, Model, Op


def batch_matmul(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_batch_matmul_s16, whose matrices lie as those of int8."""
    made = narrow.lower(model, op)
    fields = tuple(
        (name, str(int(halved(int(value)))) if name == "multiplier" else value)
        for name, value in made.params
        if not name.endswith("zero_point")
    )
    return replace(made, function="mcuedit_batch_matmul_s16", params_type="mcuedit_batch_matmul_16", params=fields)


def transpose_conv(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_transpose_conv_s16."""
    operator(model, op)  # proves that types, shapes and sums fit
    y, weights = model.tensors[op.outputs[0]], model.tensors[op.inputs[1]].data
    assert weights is not None
    scales = np.array([quantize_multiplier(ratio) for ratio in ratios(model, op)], np.int64)
    low, high = limits(op, y)
    constants: dict[str, npt.NDArray[Any]] = {
        "weights": weights.astype(np.int8),
        "bias": bias(model, op, y.shape[3], INT64),
        "multipliers": halved(scales[:, 0]).astype(np.int32),
        "shifts": scales[:, 1].astype(np.int8),
    }
    params: dict[str, str | int] = {
        "weights": "{weights}",
        "bias": "{bias}",
        "requant.multipliers": "{multipliers}",
        "requant.shifts": "{shifts}",
        "requant.per_channel": int(len(scales) > 1),
        "requant.is_long": 1,
        "requant.act_lo": low,
        "requant.act_hi": high,
        **sizes(model, op),
    }
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered("mcuedit_transpose_conv_s16", "mcuedit_transpose_conv_16x8", fields, constants)
