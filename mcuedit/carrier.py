# SPDX-License-Identifier: Apache-2.0
"""Which ops can carry a delta, and what a delta must know of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit.errors import McueditError
from mcuedit.model import INT8, Model, Op, Tensor

_CONVERT = "convert the model again, with full integer quantization"


@dataclass(frozen=True)
class Carrier:
    """What a delta must know of an op: row geometry and quantization."""

    n_in: int
    n_out: int
    rows: int
    zx: int
    act_lo: int
    act_hi: int


def carries(op: Op) -> bool:
    """Whether an op can be tap or target."""
    return op.kind == "FULLY_CONNECTED"


def carrier(model: Model, index: int) -> Carrier:
    """Geometry of op `index` as tap or target.

    Raises:
        McueditError: there is no such op, or it cannot carry a delta.
    """
    able = [op.index for op in model.ops if carries(op)]
    hint = f"ops that can: {', '.join(map(str, able)) or 'none'}"
    if not 0 <= index < len(model.ops):
        raise McueditError(f"op {index}: the model has ops 0..{len(model.ops) - 1}", hint)
    op = model.ops[index]
    if index not in able:
        raise McueditError(f"op {index} {op.kind} cannot carry a delta", hint)
    x, weights, y = _fully_connected(model, op)
    n_out, n_in = weights.shape
    lo, hi = activation_range(op.options.get("fusedActivationFunction", 0), float(y.scale[0]), y.zero)
    return Carrier(n_in, n_out, x.size // n_in, x.zero, lo, hi)


def _fully_connected(model: Model, op: Op) -> tuple[Tensor, Tensor, Tensor]:
    """Input, weights and output of an op whose file may hold anything."""
    inputs, outputs = model.op_tensors(op)
    x, weights, y = (*inputs, None, None)[0], (*inputs, None, None)[1], outputs[0] if outputs else None
    if x is None or weights is None or y is None or weights.data is None or len(weights.shape) != 2:
        raise McueditError(f"op {op.index} {op.kind}: its weights are no constant matrix", _CONVERT)
    n_out, n_in = weights.shape
    if not (n_in > 0 and n_out > 0 and x.size % n_in == 0 and y.size == x.size // n_in * n_out > 0):
        shapes = ", ".join(str(list(t.shape)) for t in (x, weights, y))
        raise McueditError(f"op {op.index} {op.kind}: shapes {shapes} do not fit", _CONVERT)
    for tensor in x, y:
        quantized = tensor.dtype == INT8 and tensor.scale.size == tensor.zero_point.size == 1
        if not (quantized and 0 < tensor.scale[0] < np.inf and -128 <= tensor.zero <= 127):
            raise McueditError(f"op {op.index} {op.kind}: tensor {tensor.name!r} is not quantized int8", _CONVERT)
    return x, weights, y


def activation_range(activation: int, scale: float, zero: int) -> tuple[int, int]:
    """TFLM's CalculateActivationRangeQuantized for int8, in float32.

    Args:
        activation: ActivationFunctionType: 0 NONE, 1 RELU, 2 RELU_N1_TO_1, 3 RELU6.
        scale, zero: quantization of the output.
    """
    bounds: dict[int, tuple[float | None, float | None]] = {
        0: (None, None),
        1: (0.0, None),
        2: (-1.0, 1.0),
        3: (0.0, 6.0),
    }
    if activation not in bounds:
        raise McueditError(f"fused activation {activation} is not supported", "NONE, RELU, RELU_N1_TO_1 and RELU6 are")

    def quantized(real: float) -> int:
        ratio = float(np.float32(real) / np.float32(scale))
        return zero + int(np.sign(ratio) * np.floor(abs(ratio) + 0.5))  # C round(): halves away from zero

    low, high = bounds[activation]
    return (
        -128 if low is None else max(-128, quantized(low)),
        127 if high is None else min(127, quantized(high)),
    )
