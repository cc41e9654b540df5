# SPDX-License-Identifier: Apache-2.0
"""Ratios of scales where versions of TFLM differ: some take them in float, the pinned runtime in double.

Products and quotients stand in the order of TFLM's source, because float32 rounds after each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from mcuedit.model.ops.common import require
from mcuedit.model.tflite import INT16, Model, Op

Real = type[float] | type[np.float32]

GATE_SCALE = 2.0**-12  # of what goes into the curve of an LSTM's gate
_HIDDEN = 18  # operand of an LSTM
LEFT_SHIFT = 20  # of an operand of a sum before it is rescaled
SQUARED_SHIFT = 7  # of one of a SQUARED_DIFFERENCE: the largest square fits an int32


def ratios(model: Model, op: Op) -> tuple[float, ...]:
    """The real factors that an op's multipliers are made of, as its model takes them (`Model.float_scales`).

    Returns:
        One for each scale of the weights of a FULLY_CONNECTED or a convolution. RELU: input by output. LEAKY_RELU: the
        same, and that of negative values. HARD_SWISH: of the output, and of the gate. ADD and SUB: of both operands,
        and of the output. SVDF: to its state and from it. UNIDIRECTIONAL_SEQUENCE_LSTM: of each gate's product with the
        input, then with the hidden state.

    Raises:
        McueditError: float32 cannot hold one.
    """
    real: Real = np.float32 if op.kind in model.float_scales else float
    with np.errstate(all="ignore"):
        found = tuple(float(ratio) for ratio in _RATIOS[op.kind](model, op, real))
    require(real is float or all(map(math.isfinite, found)), op, "a ratio of scales that float32 cannot hold")
    return found


def matter(model: Model) -> bool:
    """Whether a ratio of the model is another one than in double."""
    plain = replace(model, float_scales=frozenset())
    return any(ratios(model, op) != ratios(plain, op) for op in model.ops if op.kind in model.float_scales)


def _weighted(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, weights, y = (model.tensors[i] for i in (*op.inputs[:2], op.outputs[0]))
    if weights.scale.size > 1:  # a scale for each channel: always in double
        real = float
    return (float(real(x.scale[0]) * real(scale)) / float(y.scale[0]) for scale in weights.scale)


def _relu(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, y = (real(model.tensors[i].scale[0]) for i in (op.inputs[0], op.outputs[0]))
    return (x / y,)


def _leaky_relu(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, y = (real(model.tensors[i].scale[0]) for i in (op.inputs[0], op.outputs[0]))
    return x / y, x * real(np.float32(op.options.get("alpha", 0))) / y


def _hard_swish(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, y = (real(model.tensors[i].scale[0]) for i in (op.inputs[0], op.outputs[0]))
    fine = real(1 / 128) * x
    return fine / y, fine / real(3 / 32768)


def _sum(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    a, b, y = (real(model.tensors[i].scale[0]) for i in (*op.inputs, op.outputs[0]))
    twice = real(2) * max(a, b)
    return (
        a / twice,
        b / twice,
        twice / (real(1 << (15 if model.tensors[op.outputs[0]].dtype == INT16 else LEFT_SHIFT)) * y),
    )


def _squared_difference(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    a, b, y = (real(model.tensors[i].scale[0]) for i in (*op.inputs, op.outputs[0]))
    twice = real(2) * max(a, b)
    fraction = 0 if model.tensors[op.outputs[0]].dtype == INT16 else SQUARED_SHIFT
    return a / twice, b / twice, twice * twice / (real(1 << 2 * fraction) * y)


def _div(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    a, b, y = (real(model.tensors[i].scale[0]) for i in (*op.inputs, op.outputs[0]))
    return (a / (b * y),)


def _prelu(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, slope, y = (real(model.tensors[i].scale[0]) for i in (*op.inputs, op.outputs[0]))
    return x / y, x * slope / y


def _rsqrt(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, y = (real(model.tensors[i].scale[0]) for i in (op.inputs[0], op.outputs[0]))
    return (1 / float(np.sqrt(x) * y),)


def _transposed(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, weights, y = (model.tensors[i] for i in (op.inputs[2], op.inputs[1], op.outputs[0]))
    return (float(x.scale[0]) * float(scale) / float(y.scale[0]) for scale in weights.scale)


def _matmul(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    a, b, y = (model.tensors[i].scale[0] for i in (*op.inputs, op.outputs[0]))
    return (_product(real, a, b) / float(y),)


def _svdf(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    places = (op.inputs[0], op.inputs[1], op.inputs[2], op.inputs[4], op.outputs[0])
    x, feature, time, state, y = (real(model.tensors[i].scale[0]) for i in places)
    return x * feature / state, state * time / y


def _lstm(model: Model, op: Op, real: Real) -> Iterable[float | np.float32]:
    x, hidden = (model.tensors[op.inputs[i]].scale[0] for i in (0, _HIDDEN))
    weights = [model.tensors[op.inputs[1 + i]].scale[0] for i in range(8)]
    return (_product(real, x if i < 4 else hidden, w) / GATE_SCALE for i, w in enumerate(weights))


def _product(real: Real, a: np.float32, b: np.float32) -> float:
    """Of two scales, whose quotient by a third one is in double everywhere."""
    return float(real(a) * real(b))


_RATIOS: dict[str, Callable[[Model, Op, Real], Iterable[float | np.float32]]] = {
    "ABS": _relu,
    "ADD": _sum,
    "BATCH_MATMUL": _matmul,
    "CONV_2D": _weighted,
    "DEPTHWISE_CONV_2D": _weighted,
    "DIV": _div,
    "FULLY_CONNECTED": _weighted,
    "HARD_SWISH": _hard_swish,
    "LEAKY_RELU": _leaky_relu,
    "PRELU": _prelu,
    "RELU": _relu,
    "RSQRT": _rsqrt,
    "SQUARED_DIFFERENCE": _squared_difference,
    "SUB": _sum,
    "SVDF": _svdf,
    "TRANSPOSE_CONV": _transposed,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
FLOAT_KINDS = frozenset(  # in some versions of TFLM
    {
        "ABS",
        "BATCH_MATMUL",
        "DIV",
        "FULLY_CONNECTED",
        "HARD_SWISH",
        "LEAKY_RELU",
        "RELU",
        "RSQRT",
        "SUB",
        "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
    }
)
