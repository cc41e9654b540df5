# SPDX-License-Identifier: Apache-2.0
"""Random small int8 nets of many kinds of ops, with branches that come together again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mcuedit.model import Model, parse
from mcuedit.netbuilder import NetBuilder

SAME, VALID = 0, 1


@dataclass(frozen=True)
class Value:
    """An activation under construction."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero: int


class RandomNet:
    """Adds ops at random to the activations that are there; `pack` gives the model."""

    def __init__(self, seed: int, shape: tuple[int, ...] = (1, 6, 5, 3)) -> None:
        self.rng = np.random.default_rng(seed)
        self.net = NetBuilder()
        self.input = self._new(shape)
        self.values = [self.input]

    def grow(self, ops: int) -> RandomNet:
        """Adds so many ops, the last of them on the newest value."""
        for i in range(ops):
            recent = (
                self.values[-1] if i == ops - 1 else self.values[-1 - int(self.rng.integers(min(3, len(self.values))))]
            )
            kinds = [*_ANY, *(_IMAGE if len(recent.shape) == 4 else ())]
            self.values.append(kinds[int(self.rng.integers(len(kinds)))](self, recent))
        return self

    def pack(self, name: str = "net") -> Model:
        """The net, with the newest value as its output."""
        return parse(self.net.pack(self.input.index, self.values[-1].index), name)

    def _new(self, shape: tuple[int, ...], like: Value | None = None) -> Value:
        scale = like.scale if like else float(np.float32(self.rng.uniform(0.02, 0.1)))
        zero = like.zero if like else int(self.rng.integers(-128, 128))
        name = f"t{len(self.values) if hasattr(self, 'values') else 0}"
        return Value(self.net.tensor(name, shape, scale, zero), shape, scale, zero)

    def _int32(self, *values: int) -> int:
        return self.net.constant("n", np.array(values, np.int32))

    def _weights(self, x: Value, shape: tuple[int, ...], axis: int) -> list[int]:
        scales = self.rng.uniform(0.002, 0.01, shape[axis]).astype(np.float32)
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-2000, 2000, shape[axis]).astype(np.int32)
        w = self.net.constant("w", weights, scales, axis=axis)
        return [w, self.net.constant("b", bias, np.float32(x.scale) * scales)]

    def _windows(self, x: Value) -> tuple[dict[str, int], tuple[int, int], tuple[int, int]]:
        """Options, kernel and output size."""
        same = bool(self.rng.integers(2))
        limit = (4, 4) if same else x.shape[1:3]
        kernel = tuple(int(self.rng.integers(1, min(4, n) + 1)) for n in limit)
        stride = tuple(int(n) for n in self.rng.integers(1, 3, 2))
        sizes = [
            -(-n // s) if same else -(-(n - k + 1) // s) for n, k, s in zip(x.shape[1:3], kernel, stride, strict=True)
        ]
        options = {"padding": SAME if same else VALID, "strideH": stride[0], "strideW": stride[1]}
        return options, kernel, (sizes[0], sizes[1])

    def conv(self, x: Value) -> Value:
        options, kernel, size = self._windows(x)
        channels = int(self.rng.integers(1, 7))
        y = self._new((x.shape[0], *size, channels))
        weights = self._weights(x, (channels, *kernel, x.shape[3]), 0)
        self.net.op(
            "CONV_2D", [x.index, *weights], y.index, **options, fusedActivationFunction=int(self.rng.integers(2))
        )
        return y

    def depthwise(self, x: Value) -> Value:
        options, kernel, size = self._windows(x)
        multiplier = int(self.rng.integers(1, 3))
        y = self._new((x.shape[0], *size, x.shape[3] * multiplier))
        weights = self._weights(x, (1, *kernel, x.shape[3] * multiplier), 3)
        self.net.op("DEPTHWISE_CONV_2D", [x.index, *weights], y.index, **options, depthMultiplier=multiplier)
        return y

    def pool(self, x: Value) -> Value:
        options, kernel, size = self._windows(x)
        y = self._new((x.shape[0], *size, x.shape[3]), x)
        kind = str(self.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        self.net.op(kind, [x.index], y.index, **options, filterHeight=kernel[0], filterWidth=kernel[1])
        return y

    def binary(self, x: Value) -> Value:
        """With another value of that shape if there is one, else with a constant of its last axis."""
        others = [v for v in self.values if v.shape == x.shape]
        other = others[int(self.rng.integers(len(others)))].index
        if self.rng.integers(2):
            values = self.rng.integers(-128, 128, x.shape[-1:]).astype(np.int8)
            other = self.net.constant("c", values, 0.03, zero=int(self.rng.integers(-128, 128)))
        operands = [x.index, other] if self.rng.integers(2) else [other, x.index]
        y = self._new(x.shape)
        self.net.op(str(self.rng.choice(["ADD", "SUB", "MUL"])), operands, y.index)
        return y

    def table(self, x: Value) -> Value:
        kind = str(self.rng.choice(["RELU", "LOGISTIC", "QUANTIZE", "LEAKY_RELU"]))
        y = self._new(x.shape)
        if kind == "LOGISTIC":
            y = replace(y, index=self.net.tensor("p", x.shape, 1 / 256, -128), scale=1 / 256, zero=-128)
        self.net.op(kind, [x.index], y.index, **({"alpha": 0.1} if kind == "LEAKY_RELU" else {}))
        return y

    def reshape(self, x: Value) -> Value:
        y = self._new((1, int(np.prod(x.shape))), x)
        self.net.op("RESHAPE", [x.index, self._int32(*y.shape)], y.index)
        return y

    def transpose(self, x: Value) -> Value:
        order = [0, *(int(i) + 1 for i in self.rng.permutation(len(x.shape) - 1))]
        y = self._new(tuple(x.shape[i] for i in order), x)
        self.net.op("TRANSPOSE", [x.index, self._int32(*order)], y.index)
        return y

    def pad(self, x: Value) -> Value:
        pads = [(0, 0), *((int(a), int(b)) for a, b in self.rng.integers(0, 2, (len(x.shape) - 1, 2)))]
        y = self._new(tuple(n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)), x)
        paddings = self.net.constant("n", np.array(pads, np.int32))
        self.net.op("PAD", [x.index, paddings], y.index)
        return y

    def half(self, x: Value) -> Value:
        """Every second element of each axis, from its end on the last one."""
        strides = [2] * (len(x.shape) - 1) + [-2]
        y = self._new(tuple(-(-n // 2) for n in x.shape), x)
        ends = [self._int32(*([0] * len(strides))) for _ in range(2)]
        mask = (1 << len(strides)) - 1
        self.net.op("STRIDED_SLICE", [x.index, *ends, self._int32(*strides)], y.index, beginMask=mask, endMask=mask)
        return y

    def join(self, x: Value) -> Value:
        """The value, a constant of its shape, and the value again."""
        axis = int(self.rng.integers(len(x.shape)))
        constant = self.net.constant("c", self.rng.integers(-128, 128, x.shape).astype(np.int8), x.scale, zero=x.zero)
        y = self._new(tuple(n * 3 if i == axis else n for i, n in enumerate(x.shape)), x)
        self.net.op("CONCATENATION", [x.index, constant, x.index], y.index, axis=axis)
        return y

    def mean(self, x: Value) -> Value:
        y = self._new((x.shape[0], 1, 1, x.shape[3]))
        self.net.op("MEAN", [x.index, self._int32(1, 2)], y.index, keepDims=True)
        return y

    def dense(self, x: Value) -> Value:
        y = self._new((*x.shape[:-1], int(self.rng.integers(1, 8))))
        weights = self._weights(x, (y.shape[-1], x.shape[-1]), 0)
        self.net.op("FULLY_CONNECTED", [x.index, *weights], y.index, keepNumDims=True)
        return y

    def softmax(self, x: Value) -> Value:
        y = Value(self.net.tensor("p", x.shape, 1 / 256, -128), x.shape, 1 / 256, -128)
        self.net.op("SOFTMAX", [x.index], y.index, beta=1.0)
        return y


_Grow = Callable[[RandomNet, Value], Value]
_ANY: tuple[_Grow, ...] = (
    RandomNet.binary,
    RandomNet.binary,
    RandomNet.table,
    RandomNet.reshape,
    RandomNet.transpose,
    RandomNet.pad,
    RandomNet.half,
    RandomNet.join,
    RandomNet.dense,
    RandomNet.softmax,
)
_IMAGE: tuple[_Grow, ...] = (RandomNet.conv, RandomNet.conv, RandomNet.depthwise, RandomNet.pool, RandomNet.mean)


def random_net(seed: int, ops: int = 6) -> Model:
    """A net of so many ops."""
    return RandomNet(seed).grow(ops).pack(f"net{seed}")
