# SPDX-License-Identifier: Apache-2.0
"""Ops whose every output element depends on one input element, of 16 bits at one side at least."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcuedit.model.ops import operator
from mcuedit.model.ops.common import RANGES
from mcuedit.model.ops.int16 import elementwise
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.recurrent.curves import TABLE
from mcuedit.model.tflite import INT8, INT16, Model, Op

_RESCALES = {(INT8, INT16): "s8_s16", (INT16, INT8): "s16_s8", (INT16, INT16): "s16"}


def lower(model: Model, op: Op) -> Lowered:
    """A call of a kernel of one operand."""
    made: Any = operator(model, op)
    if isinstance(made, elementwise.Rescale):
        return _rescale(model, op, made)
    size = model.tensors[op.outputs[0]].size
    if isinstance(made, elementwise.Absolute | elementwise.Rsqrt):
        m, s = made.scaling
        return _call(
            f"mcuedit_{op.kind.lower()}_s16", "mcuedit_rescale_16", {"size": size, "multiplier": m, "shift": s}
        )
    if isinstance(made, elementwise.Relu6):
        params = {"size": size, "lo": 0, "hi": made.top}
        return _call("mcuedit_clamp_s16", "mcuedit_leaky_relu_16", params)
    if isinstance(made, elementwise.LeakyRelu):
        (m, s), (below_m, below_s), (low, high) = made.above, made.below, RANGES[INT16]
        params = {"size": size, "multiplier": m, "shift": s, "lo": low, "hi": high}
        params |= {"below_multiplier": below_m, "below_shift": below_s, "below_sign": made.sign}
        return _call("mcuedit_leaky_relu_s16", "mcuedit_leaky_relu_16", params)
    assert isinstance(made, elementwise.Curve)
    table = {"table": TABLE.astype(np.uint16)}
    curve = {"table": "{table}", "size": size, "factor": made.factor, "shift": made.shift}
    return _call(f"mcuedit_{op.kind.lower()}_s16", "mcuedit_curve_16", curve, table)


def _rescale(model: Model, op: Op, made: elementwise.Rescale) -> Lowered:
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    (m, s), (low, high) = made.scaling, made.bounds
    params = {"size": y.size, "multiplier": m, "shift": s, "lo": low, "hi": high}
    params |= {"input_zero_point": x.zero, "output_zero_point": y.zero}
    return _call(f"mcuedit_rescale_{_RESCALES[x.dtype, y.dtype]}", "mcuedit_rescale_16", params)


def _call(function: str, struct: str, params: dict[str, Any], constants: dict[str, Any] | None = None) -> Lowered:
    fields = tuple((name, str(value)) for name, value in params.items())
    same = function not in ("mcuedit_rescale_s8_s16", "mcuedit_rescale_s16_s8")
    return Lowered(function, struct, fields, constants or {}, in_place=(0,) if same else ())
