# SPDX-License-Identifier: Apache-2.0
"""Which ops can carry a delta, and what a delta must know of them (docs/spec/delta.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model.causes import AGAIN
from mcuedit.model.tflite import INT8, INT16, Model, Op, Tensor
from mcuedit.model.windows import Window, window

OUTPUT = 0x8000  # of a tap: it reads what its op gives, before any delta, and not what the op takes
_INT8 = (-128, 127)
_MAX_WIDTH = 0xFFFF  # u16 in an adapter, and in the op table of the device
_INNER = ("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")  # kinds whose activation is not a clamp of the output


@dataclass(frozen=True)
class OpGeometry:
    """What a delta must know of an op: shapes and quantization.

    Attributes:
        n_in, n_out: elements that A reads and that B writes, at one position.
        positions: of one input; at each the delta acts on its own. A FULLY_CONNECTED op mostly has one.
        zx: zero point of the input; a convolution's padding has this value, too.
        act_lo, act_hi: fused activation range in the output's quantization.
        window: how the positions lie in the input; None when their elements lie one after the other.
        zy: zero point of the output.
    """

    n_in: int
    n_out: int
    positions: int
    zx: int
    act_lo: int
    act_hi: int
    window: Window | None = None
    zy: int = 0

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
    """Whether generated code serves deltas at an op: one with weights, an accelerator's, or one that was asked for."""
    return is_weighted(model, op) or op.index in model.served or (op.is_accelerator and _read(model, op) is not None)


def is_weighted(model: Model, op: Op) -> bool:
    """Whether a delta acts on an op as its weights do: at the positions, and on the windows, that they see."""
    if any(t >= 0 and model.tensors[t].dtype == INT16 for t in (*op.inputs[:1], *op.outputs)):
        return False  # a delta adds to int8
    return op.kind == "FULLY_CONNECTED" or (op.kind == "CONV_2D" and not _is_grouped(model, op))


def op_geometry(model: Model, index: int) -> OpGeometry:
    """Geometry of op `index` as tap and target.

    Raises:
        McueditError: there is no such op, or it cannot carry a delta.
    """
    if not 0 <= index < len(model.ops):
        raise McueditError(f"op {index}: the model has ops 0..{len(model.ops) - 1}", _able(model))
    op = model.ops[index]
    if not is_weighted(model, op):
        return _plain(model, op)
    x, weights, y = _operands(model, op)
    if op.kind == "CONV_2D":
        windows = window(model, op)
        n_in, n_out, positions = windows.elements, weights.shape[0], windows.positions
        over = None if windows.is_pixels else windows
    else:
        (n_out, n_in), positions, over = weights.shape, x.size // weights.shape[1], None
    _require_narrow(op, n_in, n_out)
    lo, hi = activation_range(op.options.get("fusedActivationFunction", 0), float(y.scale[0]), y.zero)
    return OpGeometry(n_in, n_out, positions, x.zero, lo, hi, over, y.zero)


def tap_op(tap: int) -> int:
    """The op that a tap is at."""
    return tap & ~OUTPUT


def tap_name(tap: int) -> str:
    """A tap as people write it: `3`, `3:output`."""
    return f"{tap_op(tap)}:output" if tap & OUTPUT else str(tap)


def tap_value(tap: int) -> int | str:
    """A tap as --json has it: the op's index, or its name where it is more than that."""
    return tap_name(tap) if tap & OUTPUT else tap


def tap_tensor(model: Model, tap: int) -> int:
    """The tensor that a tap reads."""
    op = model.ops[tap_op(tap)]
    found = _read(model, op)
    return op.outputs[0] if tap & OUTPUT or found is None else found.index


def tap_geometry(model: Model, tap: int) -> OpGeometry:
    """Geometry of what a tap reads.

    Raises:
        McueditError: as `op_geometry`.
    """
    found = op_geometry(model, tap_op(tap))
    return replace(found, n_in=found.n_out, zx=found.zy, window=None) if tap & OUTPUT else found


def _plain(model: Model, op: Op) -> OpGeometry:
    """Geometry of an op whose weights, if it has any, deltas know nothing of: rows of the last axes, or wholes."""
    x, y = _read(model, op), model.tensors[op.outputs[0]] if op.outputs else None
    if x is None or y is None or not model.is_core(op):
        raise McueditError(f"op {op.index} {op.kind} cannot carry a delta: it makes no int8 of int8", _able(model))
    for tensor in x, y:
        if not _is_quantized(tensor) or not tensor.size or not tensor.shape:
            raise McueditError(f"op {op.index} {op.kind}: tensor {tensor.name!r} is not quantized int8", AGAIN)
    positions = x.size // x.shape[-1]
    if positions != y.size // y.shape[-1] or op.is_accelerator:
        positions = 1
    n_in, n_out = x.size // positions, y.size // positions
    _require_narrow(op, n_in, n_out)
    activation = 0 if op.kind in _INNER else op.options.get("fusedActivationFunction", 0)
    lo, hi = activation_range(activation, float(y.scale[0]), y.zero)
    return OpGeometry(n_in, n_out, positions, x.zero, lo, hi, None, y.zero)


def _read(model: Model, op: Op) -> Tensor | None:
    """The input that a tap at an op reads: its first int8 activation."""
    sources = (model.tensors[t] for t in model.sources(op))
    return next((tensor for tensor in sources if tensor.dtype == INT8), None)


def _able(model: Model) -> str:
    able = [op.index for op in model.ops if is_adaptable(model, op)]
    return f"ops that can: {', '.join(map(str, able)) or 'none'}, and by name all that make int8 of int8"


def _require_narrow(op: Op, n_in: int, n_out: int) -> None:
    if max(n_in, n_out) > _MAX_WIDTH:
        raise McueditError(f"op {op.index} {op.kind}: rows of {n_in} and {n_out}", f"at most {_MAX_WIDTH} can be")


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
        if not _is_quantized(tensor):
            raise McueditError(f"op {op.index} {op.kind}: tensor {tensor.name!r} is not quantized int8", AGAIN)
    return x, weights, y


def _is_quantized(tensor: Tensor) -> bool:
    quantized = tensor.dtype == INT8 and tensor.scale.size == tensor.zero_point.size == 1
    return quantized and bool(0 < tensor.scale[0] < np.inf) and -128 <= tensor.zero <= 127


def activation_range(activation: int, scale: float, zero: int, whole: tuple[int, int] = _INT8) -> tuple[int, int]:
    """TFLM's CalculateActivationRangeQuantized, in float32.

    Args:
        activation: ActivationFunctionType: 0 NONE, 1 RELU, 2 RELU_N1_TO_1, 3 RELU6.
        scale, zero: quantization of the output.
        whole: range of its type.
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
        whole[0] if low is None else max(whole[0], quantized(low)),
        whole[1] if high is None else min(whole[1], quantized(high)),
    )
