# SPDX-License-Identifier: Apache-2.0
"""Random ops over the attributes, shapes and quantizations that TFLM accepts: what `oneop` puts together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import Int8Array
from mcuedit.conformance.netbuilder import NetBuilder

NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
_LIMITS = (-128, 127)
_INT8_SPREAD = 73.0  # of weights


@dataclass(frozen=True)
class Ref:
    """An activation: its tensor index, shape and quantization."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero: int


class Drawing:
    """A net under construction and the dice it is made with."""

    spread = 73.0  # standard deviation of a uniform activation: an int8

    def __init__(self, rng: np.random.Generator) -> None:
        self.net, self.rng = NetBuilder(description="random"), rng
        self._count = 0

    def pick(self, *options: int) -> int:
        """One of the numbers."""
        return int(options[self.rng.integers(len(options))])

    def chance(self, p: float = 0.5) -> bool:
        """True with probability p."""
        return bool(self.rng.random() < p)

    def scale(self, low: float = -8, high: float = 0) -> float:
        """2 to a power between low and high, as a float32."""
        return float(np.float32(2.0 ** self.rng.uniform(low, high)))

    def zero(self) -> int:
        """A zero point: often one of the extremes."""
        return self.pick(-128, 127, 0, int(self.rng.integers(-128, 128)), int(self.rng.integers(-40, 40)))

    def shape(self, rank: int, most: int = 6) -> tuple[int, ...]:
        """Lengths of the axes; short ones are more common."""
        return tuple(int(self.rng.integers(1, 1 + self.pick(2, most, most))) for _ in range(rank))

    def tensor(self, shape: tuple[int, ...], scale: float, zero: int) -> Ref:
        """A new activation."""
        self._count += 1
        return Ref(self.net.tensor(f"t{self._count}", shape, scale, zero), shape, float(np.float32(scale)), zero)

    def like(self, x: Ref, shape: tuple[int, ...]) -> Ref:
        """A new activation quantized as another."""
        return self.tensor(shape, x.scale, x.zero)

    def bytes(self, shape: tuple[int, ...]) -> Int8Array:
        """Random int8: weights, or a constant operand; some with -128."""
        low = -128 if self.chance(0.2) else -127
        return self.rng.integers(low, 128, shape).astype(np.int8)

    def constant(self, shape: tuple[int, ...], scale: float, zero: int) -> Ref:
        """A constant int8 operand."""
        return Ref(self.net.constant("c", self.bytes(shape), [scale], zero=zero), shape, scale, zero)

    def lifted(self, x: Ref) -> Ref:
        """An activation that is never below 0."""
        if x.zero == -128:
            return x
        y = self.tensor(x.shape, x.scale, -128)
        self.net.op("QUANTIZE", [x.index], y.index)
        return y

    def slopes(self, shape: tuple[int, ...]) -> Ref:
        """A constant int8 operand of a PRELU."""
        scale, zero = Drawing.scale(self, -9, -4), Drawing.zero(self)
        return Ref(self.net.constant("c", self.bytes(shape), [scale], zero=zero), shape, scale, zero)

    def bias_type(self, kind: str) -> type[np.int32] | type[np.int64]:
        """Of the bias of an op with weights."""
        return np.int32

    def zeros(self, shape: tuple[int, ...], zero: int) -> Int8Array:
        """A constant that means 0 everywhere, of the type of activations."""
        return np.full(shape, zero, np.int8)

    def unit(self, signed: bool) -> tuple[float, int]:
        """Scale and zero point of what lies between 0 and 1, or -1 and 1."""
        return (1 / 128, 0) if signed else (1 / 256, -128)

    def integers(self, values: list[int]) -> int:
        """Index of a constant int32 operand."""
        return self.net.constant("i", np.array(values, np.int32))


def convolution(d: Drawing, x: Ref, kind: str) -> Ref:
    """CONV_2D: strides, dilations, SAME and VALID, groups, per tensor and per channel, with and without bias."""
    groups = d.pick(*[g for g in (1, 1, 2, 3, x.shape[3]) if x.shape[3] % g == 0])
    outs = groups * d.pick(1, 2, 3, 5, 8, 17)
    kernel, over = _windows(d, x, dilated=True)
    data = d.bytes((outs, *kernel, x.shape[3] // groups))
    return _weighted(d, kind, x, data, _out_shape(x, kernel, over, outs), over)


def depthwise(d: Drawing, x: Ref, kind: str) -> Ref:
    """DEPTHWISE_CONV_2D, with any depth multiplier."""
    times = d.pick(1, 1, 2, 3, 4)
    kernel, over = _windows(d, x, dilated=True)
    outs = x.shape[3] * times
    over["depthMultiplier"] = times
    return _weighted(d, kind, x, d.bytes((1, *kernel, outs)), _out_shape(x, kernel, over, outs), over)


def fully_connected(d: Drawing, x: Ref, kind: str) -> Ref:
    """FULLY_CONNECTED over the last axis, or over several positions at once."""
    outs = d.pick(1, 2, 3, 5, 8, 17, 33)
    keep = d.chance(0.3)
    data = d.bytes((outs, x.shape[-1]))
    shape = (*x.shape[:-1], outs) if keep else (math.prod(x.shape[:-1]), outs)
    return _weighted(d, kind, x, data, shape, {"keepNumDims": keep})


def pool(d: Drawing, x: Ref, kind: str) -> Ref:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    kernel, over = _windows(d, x, dilated=False)
    y = d.like(x, _out_shape(x, kernel, over, x.shape[3]))
    sizes = {"filterHeight": kernel[0], "filterWidth": kernel[1]}
    d.net.op(kind, [x.index], y.index, **over, **sizes, fusedActivationFunction=_activation(d))
    return y


def _activation(d: Drawing) -> int:
    return d.pick(NONE, NONE, RELU, RELU_N1_TO_1, RELU6)


def _windows(d: Drawing, x: Ref, *, dilated: bool) -> tuple[tuple[int, int], dict[str, int]]:
    """A kernel that fits, and the options of stride, dilation and padding."""
    valid = d.chance()
    over: dict[str, int] = {"padding": int(valid)}
    kernel = []
    for name, size in zip("HW", x.shape[1:3], strict=True):
        dilation = d.pick(1, 1, 2, 3) if dilated else 1
        most = (size - 1) // dilation + 1 if valid else 5
        kernel.append(int(d.rng.integers(1, 1 + min(5, most))))
        over[f"stride{name}"] = d.pick(1, 1, 2, 3)
        if dilated:
            over[f"dilation{name}Factor"] = dilation
    return (kernel[0], kernel[1]), over


def _out_shape(x: Ref, kernel: tuple[int, int], over: dict[str, int], channels: int) -> tuple[int, ...]:
    out = []
    for name, size, elements in zip("HW", x.shape[1:3], kernel, strict=True):
        lost = (elements - 1) * over.get(f"dilation{name}Factor", 1) if over["padding"] else 0
        out.append(-(-(size - lost) // over[f"stride{name}"]))
    return (x.shape[0], *out, channels)


def _weighted(
    d: Drawing,
    kind: str,
    x: Ref,
    data: Int8Array,
    shape: tuple[int, ...],
    options: dict[str, int],
) -> Ref:
    """An op with weights, scaled so that its outputs mostly stay in range."""
    axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0  # of the outputs
    outs = data.shape[axis]
    scales = np.array([d.scale(-9, -5) for _ in range(outs if d.chance() else 1)], np.float32)
    spread = math.sqrt(data.size / outs) * _INT8_SPREAD
    y = d.tensor(shape, x.scale * float(scales.max()) * spread * d.scale(-2, 2), d.zero())
    w = d.net.constant("w", data, scales, axis=axis)
    inputs = [x.index, w]
    if d.chance(0.8):
        bias = np.asarray(d.rng.normal(0, spread * d.spread, outs)).astype(d.bias_type(kind))
        inputs.append(d.net.constant("b", bias, x.scale * scales.astype(np.float64)))
    elif kind != "DEPTHWISE_CONV_2D" and d.chance():
        inputs.append(-1)
    d.net.op(kind, inputs, y.index, **options, fusedActivationFunction=_activation(d))
    return y


def other_operand(d: Drawing, x: Ref) -> Ref:
    """What goes with an activation: itself, a constant, or another activation, broadcast or not."""
    narrow = tuple(1 if d.chance(0.4) else n for n in x.shape)
    narrow = narrow[d.pick(0, 0, 1, 2) :] if len(narrow) > 2 else narrow
    what = d.pick(0, 1, 1, 2)
    if what == 0:
        return x
    if what == 1:
        return d.constant(narrow if d.chance() else x.shape, d.scale(), d.zero())
    return quantize(d, _head(d, x) if d.chance() else x)


def binary(d: Drawing, x: Ref, kind: str) -> Ref:
    """ADD, SUB or MUL of an activation and another operand."""
    other = other_operand(d, x)
    factor = x.scale * other.scale * d.spread if kind == "MUL" else max(x.scale, other.scale)
    y = d.tensor(np.broadcast_shapes(x.shape, other.shape), factor * d.scale(-1, 2), d.zero())
    sides = [x.index, other.index] if d.chance() else [other.index, x.index]
    d.net.op(kind, sides, y.index, fusedActivationFunction=_activation(d))
    return y


def _head(d: Drawing, x: Ref) -> Ref:
    """The first element of some axes, for a live operand to be broadcast."""
    if len(x.shape) > 4:
        return x
    shape = tuple(1 if d.chance() else n for n in x.shape)
    y = d.like(x, shape)
    parts = [d.integers([0] * len(shape)), d.integers(list(shape)), d.integers([1] * len(shape))]
    d.net.op("STRIDED_SLICE", [x.index, *parts], y.index)
    return y


def quantize(d: Drawing, x: Ref, kind: str = "QUANTIZE") -> Ref:
    """QUANTIZE from int8 to int8."""
    y = d.tensor(x.shape, x.scale * d.scale(-2, 2), d.zero())
    d.net.op(kind, [x.index], y.index)
    return y
