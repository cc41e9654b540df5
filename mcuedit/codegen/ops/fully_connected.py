# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED, int8, filters quantized per tensor or per channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.carrier import carrier
from mcuedit.codegen.ops import Lowered, require
from mcuedit.model import INT8, INT32, Model, Op, Tensor
from mcuedit.ops.fully_connected import multipliers

_U16_MAX = 0xFFFF


def lower(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_fully_connected_s8, the input's zero point folded into the bias."""
    geometry = carrier(model, op.index)
    (x, weights, *rest), (y,) = model.op_tensors(op)
    assert x is not None
    weights = _weights(op, weights)
    assert weights.data is not None
    n_out, n_in = weights.shape
    rows = x.size // n_in
    require(
        x.size == rows * n_in and y.size == rows * n_out, op, f"input {x.shape} does not fit weights {weights.shape}"
    )
    require(
        max(n_in, n_out, rows) <= _U16_MAX, op, f"{rows} rows of {n_in} to {n_out}: more than 65535", "make it smaller"
    )
    scales = multipliers(x, weights, y)
    per_channel = len(scales) > 1
    constants: dict[str, npt.NDArray[Any]] = {"weights": weights.data}
    bias = _folded_bias(op, rest[0] if rest else None, weights.data, x.zero)
    if bias is not None:
        constants["bias"] = bias
    constants["multipliers"] = np.array([m for m, _ in scales], np.int32)
    constants["shifts"] = np.array([s for _, s in scales], np.int8)
    params = {
        "weights": "{weights}",
        "bias": "{bias}" if bias is not None else "0",
        "multipliers": "{multipliers}",
        "shifts": "{shifts}",
        "n_in": n_in,
        "n_out": n_out,
        "rows": rows,
        "per_channel": int(per_channel),
        "output_zero_point": y.zero,
        "act_lo": geometry.act_lo,
        "act_hi": geometry.act_hi,
    }
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered("mcuedit_fully_connected_s8", "mcuedit_fully_connected", fields, constants)


def _weights(op: Op, weights: Tensor | None) -> Tensor:
    require(weights is not None and weights.data is not None, op, "its weights are no constant", "freeze them")
    assert weights is not None
    require(weights.dtype == INT8, op, f"its weights are {weights.dtype}, not int8")
    require(op.options.get("weightsFormat", 0) == 0, op, "its weights are shuffled")
    require(not weights.zero_point.any(), op, "its weights have a zero point")
    require(
        weights.scale.size in (1, weights.shape[0]) and weights.axis == 0, op, "its weights have no scale per output"
    )
    return weights


def _folded_bias(op: Op, bias: Tensor | None, weights: npt.NDArray[Any], zx: int) -> npt.NDArray[np.int32] | None:
    """bias - zx * row sums of the weights, so that the kernel is a plain dot product; None if all 0."""
    wide = weights.astype(np.int64)
    folded = -zx * wide.sum(axis=1)
    if bias is not None:
        require(bias.data is not None, op, "its bias is no constant", "freeze it")
        require(bias.dtype == INT32, op, f"its bias is {bias.dtype}, not int32")
        assert bias.data is not None
        require(bias.size == len(wide), op, f"its bias has {bias.size} elements for {len(wide)} outputs")
        folded = folded + bias.data.reshape(-1).astype(np.int64)
    reach = np.abs(folded) + 128 * np.abs(wide).sum(axis=1)
    row = int(reach.argmax())
    require(int(reach[row]) < 1 << 31, op, f"the accumulator of output {row} could overflow", "scale its weights down")
    return folded.astype(np.int32) if folded.any() else None
