# SPDX-License-Identifier: Apache-2.0
"""Which ops can carry a delta, and what a delta must know of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model.causes import AGAIN
from mcuedit.model.tflite import INT8, Model, Op, Tensor
from mcuedit.model.windows import Window, window

_MAX_WIDTH = 0xFFFF  # u16 in an adapter, and in the op table of the device


@dataclass(frozen=True)
class OpGeometry:
    """What a delta must know of an op: shapes and quantization.

    Attributes:
        n_in, n_out: elements that A reads and that B writes, at one position.
        positions: of one input; at each the delta acts on its own. A FULLY_CONNECTED op mostly has one.
        zx: zero point of the input; a convolution's padding has this value, too.
        act_lo, act_hi: fused activation range in the output's quantization.
        window: how the positions lie in the input; None when their elements lie one after the other.
    """

    n_in: int
    n_out: int
    positions: int
    zx: int
    act_lo: int
    act_hi: int
    window: Window | None = None

    @property
    def single(self) -> bool:
        """Whether the whole input is one position: only between such ops may a tap come before its target."""
        return self.positions == 1 and self.window is None

    def positions_of(self, x: Int8Array) -> Int8Array:
        """What A reads: int8[n, *input] to int8[n, positions, n_in]; of a window in kernel_h, kernel_w, c_in order."""
        if self.window is None:
            return x.reshape(len(x), self.positions, self.n_in)
        return self.window.patches(x, self.zx)


def is_adaptable(model: Model, op: Op) -> bool:
    """Whether an op can be tap or target; `op_geometry` proves it."""
    return op.kind == "FULLY_CONNECTED" or (op.kind == "CONV_2D" and not _is_grouped(model, op))


def op_geometry(model: Model, index: int) -> OpGeometry:
    """Geometry of op `index` as tap or target.

    Raises:
        McueditError: there is no such op, or it cannot carry a delta.
    """
    able = [op.index for op in model.ops if is_adaptable(model, op)]
    hint = f"ops that can: {', '.join(map(str, able)) or 'none'}"
    if not 0 <= index < len(model.ops):
        raise McueditError(f"op {index}: the model has ops 0..{len(model.ops) - 1}", hint)
    op = model.ops[index]
    if index not in able:
        why = ": it is grouped" if op.kind == "CONV_2D" else ""
        raise McueditError(f"op {index} {op.kind} cannot carry a delta{why}", hint)
    x, weights, y = _operands(model, op)
    if op.kind == "CONV_2D":
        windows = window(model, op)
        n_in, n_out, positions = windows.elements, weights.shape[0], windows.positions
        over = None if windows.is_pixels else windows
    else:
        (n_out, n_in), positions, over = weights.shape, x.size // weights.shape[1], None
    if max(n_in, n_out) > _MAX_WIDTH:
        raise McueditError(f"op {index} {op.kind}: rows of {n_in} and {n_out}", f"at most {_MAX_WIDTH} can be")
    lo, hi = activation_range(op.options.get("fusedActivationFunction", 0), float(y.scale[0]), y.zero)
    return OpGeometry(n_in, n_out, positions, x.zero, lo, hi, over)


def _is_grouped(model: Model, op: Op) -> bool:
    x, weights = (*(model.tensors[i] if i >= 0 else None for i in op.inputs), None, None)[:2]
    return bool(x and weights and x.shape and weights.shape and x.shape[-1] != weights.shape[-1])


def _operands(model: Model, op: Op) -> tuple[Tensor, Tensor, Tensor]:
    """Input, weights and output of an op whose file may hold anything."""
    inputs, outputs = model.op_tensors(op)
    x, weights, y = (*inputs, None, None)[0], (*inputs, None, None)[1], outputs[0] if outputs else None
    rank, what = (4, "filter") if op.kind == "CONV_2D" else (2, "matrix")
    if x is None or weights is None or y is None or weights.data is None or len(weights.shape) != rank:
        raise McueditError(f"op {op.index} {op.kind}: its weights are no constant {what}", AGAIN)
    if weights.dtype != INT8:
        raise McueditError(f"op {op.index} {op.kind}: its weights are {weights.dtype}, not INT8", AGAIN)
    n_out, n_in = weights.shape[0], weights.shape[-1]
    fits = n_in > 0 and n_out > 0 and x.size % n_in == 0 and y.size > 0
    if not (fits and (y.shape[-1:] == (n_out,) if rank == 4 else y.size == x.size // n_in * n_out)):
        shapes = ", ".join(str(list(t.shape)) for t in (x, weights, y))
        raise McueditError(f"op {op.index} {op.kind}: shapes {shapes} do not fit", AGAIN)
    for tensor in x, y:
        quantized = tensor.dtype == INT8 and tensor.scale.size == tensor.zero_point.size == 1
        if not (quantized and 0 < tensor.scale[0] < np.inf and -128 <= tensor.zero <= 127):
            raise McueditError(f"op {op.index} {op.kind}: tensor {tensor.name!r} is not quantized int8", AGAIN)
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
