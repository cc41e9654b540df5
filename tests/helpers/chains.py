# SPDX-License-Identifier: Apache-2.0
"""Small chains of convolutions, pools and FULLY_CONNECTED with random weights, to train an op of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit import codegen
from mcuedit._util.typing import Int8Array
from mcuedit.codegen import FactorSetup
from mcuedit.codegen.literals import array
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.bundle import Base
from mcuedit.model.ops import operator
from mcuedit.model.tflite import Model, parse
from mcuedit.ondevice.factors import FactorOptions, FactorTrainer
from mcuedit.zoo import digits_data

PROGRAMS = Path(__file__).resolve().parents[1] / "emulate"
RELU = 1
IN_SCALE, SCALE = 1 / 64, 3 / 255  # of the input, zero point 0; of what a RELU leaves, zero point -128

Pair = tuple[int, int]


class Chain:
    """A model under construction, op by op.

    Args:
        shape: of the input, NHWC.
        per_channel: a scale for each output channel of a convolution.
    """

    def __init__(self, shape: Sequence[int], *, per_channel: bool = True, seed: int = 0) -> None:
        self._net, self._rng, self._per_channel = NetBuilder(), np.random.default_rng(seed), per_channel
        self._shape = list(shape)
        self._input = self._now = self._net.tensor("input", self._shape, IN_SCALE, 0)
        self._scale, self._count = IN_SCALE, 0

    def conv(self, c_out: int, kernel: Pair = (3, 3), weights: npt.NDArray[Any] | None = None, **how: Any) -> Chain:
        """CONV_2D with RELU. `how`: stride, dilation, same. `weights`: float[c_out, kernel_h, kernel_w, c_in]."""
        taps = kernel[0] * kernel[1] * self._shape[3]
        if weights is None:
            weights = self._rng.normal(0, (2 / taps) ** 0.5, (c_out, *kernel, self._shape[3]))
        return self._windowed("CONV_2D", weights, 0, c_out, kernel, **how)

    def depthwise(self, times: int = 1, kernel: Pair = (3, 3), **how: Any) -> Chain:
        """DEPTHWISE_CONV_2D with RELU."""
        c_out = self._shape[3] * times
        weights = self._rng.normal(0, (2 / (kernel[0] * kernel[1])) ** 0.5, (1, *kernel, c_out))
        return self._windowed("DEPTHWISE_CONV_2D", weights, 3, c_out, kernel, depthMultiplier=times, **how)

    def pool(self, kind: str) -> Chain:
        """A pool over 2x2 pixels."""
        size = [-(-self._shape[1] // 2), -(-self._shape[2] // 2)]
        self._to([self._shape[0], *size, self._shape[3]])
        self._net.op(kind, [self._before], self._now, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
        return self

    def dense(self, n_out: int, weights: npt.NDArray[Any] | None = None, bias: Any = 0.0) -> Model:
        """RESHAPE to one row and the logits, in steps of 1/16."""
        n_in = int(np.prod(self._shape))
        shape = self._net.constant("shape", np.array([1, n_in], np.int32))
        self._to([1, n_in])
        self._net.op("RESHAPE", [self._before, shape], self._now)
        if weights is None:
            weights = self._rng.normal(0, (2 / n_in) ** 0.5, (n_out, n_in))
        before, scale = self._now, np.abs(weights).max() / 127
        w, b = self._constants(weights, np.full(1, scale), 0, np.broadcast_to(bias, n_out))
        y = self._net.tensor("logits", [1, n_out], 1 / 16, 0)
        self._net.op("FULLY_CONNECTED", [before, w, b], y)
        return parse(self._net.pack(self._input, y), "net")

    def _windowed(
        self, kind: str, weights: npt.NDArray[Any], axis: int, c_out: int, kernel: Pair,
        stride: Pair = (1, 1), dilation: Pair = (1, 1), same: bool = True, **more: int,
    ) -> Chain:  # fmt: skip
        over = tuple(i for i in range(4) if i != axis)
        scales = np.abs(weights).max(over) / 127 if self._per_channel else np.full(1, np.abs(weights).max() / 127)
        w, b = self._constants(weights, scales, axis, self._rng.normal(0, 0.1, c_out))
        sizes = zip(self._shape[1:3], kernel, stride, dilation, strict=True)
        out = [-(-n // s) if same else -(-(n - (k - 1) * d) // s) for n, k, s, d in sizes]
        self._to([self._shape[0], *out, c_out], SCALE, -128)
        self._net.op(
            kind, [self._before, w, b], self._now, padding=0 if same else 1, fusedActivationFunction=RELU,
            strideH=stride[0], strideW=stride[1], dilationHFactor=dilation[0], dilationWFactor=dilation[1], **more,
        )  # fmt: skip
        return self

    def _constants(
        self, weights: npt.NDArray[Any], scales: npt.NDArray[Any], axis: int, bias: npt.NDArray[Any]
    ) -> tuple[int, int]:
        along = scales.reshape([-1 if i == axis and scales.size > 1 else 1 for i in range(weights.ndim)])
        name = f"{self._count}"
        w = self._net.constant("w" + name, np.round(weights / along).astype(np.int8), scales, axis=axis)
        steps = self._scale * scales
        return w, self._net.constant("b" + name, np.round(bias / steps).astype(np.int32), steps)

    def _to(self, shape: list[int], scale: float | None = None, zero: int | None = None) -> None:
        self._before, self._shape, self._count = self._now, shape, self._count + 1
        self._scale = scale or self._scale
        self._zero = zero if zero is not None else getattr(self, "_zero", 0)
        self._now = self._net.tensor(f"t{self._count}", shape, self._scale, self._zero)


def nets() -> dict[str, Model]:
    """Chains whose op 0 is a CONV_2D over single pixels, with every kind of convolution behind one of them."""
    return {
        "convolutions": Chain((1, 7, 6, 3))
        .conv(4, (1, 1))
        .conv(5)
        .conv(6, (2, 3), stride=(2, 1), same=False)
        .pool("MAX_POOL_2D")
        .conv(4, (1, 1), stride=(2, 2))
        .dense(6),
        "depthwise": Chain((1, 9, 8, 2), seed=1)
        .conv(6, (1, 1))
        .depthwise()
        .conv(5, (3, 2), dilation=(2, 2))
        .depthwise(2, (3, 3), stride=(2, 2), dilation=(1, 2), same=False)
        .pool("AVERAGE_POOL_2D")
        .dense(5),
        "batches": Chain((2, 5, 5, 3), per_channel=False, seed=2)
        .conv(1, (1, 1))
        .depthwise(4)
        .conv(6, (4, 4), stride=(3, 2))
        .dense(4),
    }


def digits(seed: int = 3) -> Model:
    """Random CONV_2Ds, the second over single pixels; logits by least squares on the digits of `mcuedit.zoo`."""
    data = digits_data.load()

    def grown(weights: npt.NDArray[Any] | None = None, bias: Any = 0.0) -> Model:
        chain = Chain((1, 8, 8, 1), seed=seed).conv(8).conv(8, (1, 1)).conv(24).pool("MAX_POOL_2D")
        return chain.dense(10, weights, bias)

    model, wanted = grown(), np.eye(10)[data["y_train"]] * 8 - 4
    x = (inputs_of(model, len(model.ops) - 1, inked(data["x_train"])) + 128.0) * SCALE
    away = x - x.mean(axis=0)
    ridge = away.T @ away + 30 * np.eye(x.shape[1])
    weights = np.linalg.solve(ridge, away.T @ (wanted - wanted.mean(axis=0))).T
    return grown(weights, wanted.mean(axis=0) - weights @ x.mean(axis=0))


def inked(images: Int8Array) -> Int8Array:
    """Digits as `digits` takes them, where paper is 0."""
    return ((images.astype(np.int16) + 128) // 2).astype(np.int8)


def inputs_of(model: Model, op: int, x: Int8Array) -> Int8Array:
    """What an op of a chain reads where the model reads x: int8[n, elements]."""
    for before in model.ops[:op]:
        x = operator(model, before).forward(x.reshape(len(x), *model.tensors[before.inputs[0]].shape))
    return x.reshape(len(x), -1)


def samples_of(model: Model, op: int, x: Int8Array) -> Int8Array:
    """What an op of a chain is trained with: its input, gathered where it has windows."""
    shape = model.tensors[model.ops[op].inputs[0]].shape
    return op_geometry(model, op).positions_of(inputs_of(model, op, x).reshape(len(x), *shape)).reshape(len(x), -1)


def twin_of(
    model: Model, options: FactorOptions, op: int = 0, *, corrections: int = 3, replay: int = 8
) -> FactorTrainer:
    """Random inputs with random classes: there is something to do at every step."""
    x, p = images(model, corrections + replay), corrections
    classes = model.tensors[model.ops[-1].outputs[0]].size
    wanted = [i % classes for i in range(len(x))]
    rows = samples_of(model, op, x)
    return FactorTrainer(model, op, options, rows[:p], tuple(wanted[:p]), rows[p:], tuple(wanted[p:]))


def images(model: Model, count: int) -> Int8Array:
    """Random inputs: int8[count, *input]."""
    return np.random.default_rng(7).integers(-128, 128, (count, *model.input.shape), dtype=np.int8)


def firmware_of(twin: FactorTrainer) -> dict[str, str]:
    """Sources of a firmware that trains as the twin does: tests/emulate/train_factors.c."""
    base = Base("net", twin.model)
    setup = FactorSetup(twin.op, twin.options, len(twin.corrections), len(twin.replay))
    arrays = {"corrections": twin.corrections, "replay": twin.replay}
    lines = [f"static const int8_t {name}[] = {{\n{array(a)}}};\n" for name, a in arrays.items()]
    classes = {"wanted": twin.wanted, "answers": twin.answers}
    lines += [
        f"static const uint16_t {name}[] = {{\n{array(np.array(c, np.uint16))}}};\n" for name, c in classes.items()
    ]
    sizes = {"WIDTH": twin.corrections.shape[1], "CORRECTIONS": len(twin.corrections), "REPLAY": len(twin.replay)}
    lines += [f"#define {name} {value}u\n" for name, value in sizes.items()]
    files = setup.render_base(base) | codegen.render_factors(base, setup)
    main = (PROGRAMS / "train_factors.c").read_text(encoding="utf-8")
    return files | {"main.c": main, "rows.h": "#include <stdint.h>\n" + "".join(lines)}
