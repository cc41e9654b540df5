# SPDX-License-Identifier: Apache-2.0
"""Models of one op on which ratios of scales in float give other bytes than those in double."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np

from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.scales import FLOAT_KINDS
from mcuedit.model.tflite import Model, parse

KINDS = sorted(FLOAT_KINDS)
WIDTH = 4
X = np.repeat(np.arange(-128, 128, dtype=np.int8), WIDTH).reshape(256, 1, WIDTH)  # every byte


def net(kind: str, seed: int) -> bytes:
    """One op that gives a tie between two bytes for some input, as far as float32 scales allow."""
    rng = np.random.default_rng(seed)
    a, b = (np.float32(2.0 ** rng.uniform(-6, -3)) for _ in range(2))
    tie = float(rng.integers(1, 100) + 0.5) / float(rng.integers(100, 128))
    build = NetBuilder()
    if kind == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return _lstm(build, a, float(np.float32(tie / float(a) / (1 << 12))))
    x = build.tensor("x", [1, WIDTH], a, -128 if kind == "RSQRT" else 0)
    if kind == "BATCH_MATMUL":
        w = build.constant("w", np.eye(WIDTH, dtype=np.int8), b)
        y = build.tensor("y", [1, WIDTH], float(np.float32(float(a) * float(b) / tie)), 0)
        build.op(kind, [x, w], y)
    elif kind == "DIV":
        other = build.constant("other", np.ones((1, WIDTH), np.int8), b)
        y = build.tensor("y", [1, WIDTH], float(np.float32(float(a) / float(b) / max(tie, 1 - tie))), 0)
        build.op(kind, [x, other], y)
    elif kind == "SVDF":
        step = float(np.float32(float(a) * float(b) / tie))
        constants = (np.eye(WIDTH, dtype=np.int8), b), (np.ones((WIDTH, 1), np.int16), 1.0)
        weights = [build.constant("w", values, scale) for values, scale in constants]
        bias = build.constant("bias", np.zeros(WIDTH, np.int32), step)
        state = build.tensor("state", [1, WIDTH], step, 0, dtype="INT16", variable=True)
        y = build.tensor("y", [1, WIDTH], step, 0)
        build.op(kind, [x, *weights, bias, state], y, rank=1)
    elif kind == "RSQRT":
        tie = seed % 100 + 0.5  # of what has 20 bits, itself a tie
        ratio = tie - 2.0 ** (np.ceil(np.log2(tie)) - 21)
        y = build.tensor("y", [1, WIDTH], float(np.float32(1 / np.sqrt(float(a)) / ratio)), -128)
        build.op(kind, [x], y)
    elif kind == "FULLY_CONNECTED":
        w = build.constant("w", np.eye(WIDTH, dtype=np.int8), b)
        y = build.tensor("y", [1, WIDTH], float(np.float32(float(a) * float(b) / tie)), 0)
        build.op(kind, [x, w, -1], y)
    elif kind == "SUB":
        other = build.constant("other", np.zeros((1, WIDTH), np.int8), a)
        y = build.tensor("y", [1, WIDTH], float(np.float32(float(a) / tie)), 0)
        build.op(kind, [x, other], y)
    elif kind == "HARD_SWISH":  # its multipliers have 15 bits
        cut = float(rng.integers(1 << 14, 1 << 15) + 0.5) * 2.0 ** -int(rng.integers(14, 16))
        y = build.tensor("y", [1, WIDTH], float(np.float32(float(a) / cut)), 0)
        build.op(kind, [x], y)
    else:
        y = build.tensor("y", [1, WIDTH], float(np.float32(float(a) / tie)), -128 if kind == "RELU" else 0)
        build.op(kind, [x], y, **({"alpha": 0.3} if kind == "LEAKY_RELU" else {}))
    return build.pack(x, y)


def _lstm(build: NetBuilder, a: float, b: float) -> bytes:
    """Its output is the cell gate's input, as far as a curve near 0 is straight: no other gate reads anything."""
    x = build.tensor("x", [1, 1, WIDTH], a, 0)
    none, one = np.zeros((WIDTH, WIDTH), np.int8), np.eye(WIDTH, dtype=np.int8)
    weights = [build.constant("w", one if i == 2 else none, b) for i in range(8)]
    biases = [build.constant("bias", np.zeros(WIDTH, np.int32), 1.0) for _ in range(4)]
    hidden = build.tensor("hidden", [1, WIDTH], 2.0**-15, 0, variable=True)
    cell = build.tensor("cell", [1, WIDTH], 2.0**-15, 0, dtype="INT16", variable=True)
    y = build.tensor("y", [1, 1, WIDTH], 2.0**-15, 0)
    inputs = [x, *weights, -1, -1, -1, *biases, -1, -1, hidden, cell, -1, -1, -1, -1]
    build.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, y, fusedActivationFunction=4)
    return build.pack(x, y)


def outputs(model: Model) -> np.ndarray:
    return ops.operator(model, model.ops[0]).forward(X.reshape(256, *model.input.shape))


def in_float(model: Model, kinds: Iterable[str] = FLOAT_KINDS) -> Model:
    return replace(model, float_scales=frozenset(kinds))


@cache
def telling(kind: str) -> Model:
    """A model of one op on which it matters."""
    models = (parse(net(kind, seed)) for seed in range(500))
    return next(model for model in models if (outputs(model) != outputs(in_float(model))).any())
