# SPDX-License-Identifier: Apache-2.0
"""Random ops that keep something for later inferences."""

from __future__ import annotations

import numpy as np

from mcuedit.conformance.generators import Drawing, Ref

_NAMES = (b"ring", b"a", b"streaming/states_1")


def ring(d: Drawing, x: Ref, kind: str) -> Ref:
    """VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE about the last inputs along an axis, and CALL_ONCE, or none."""
    axis, name = int(d.rng.integers(len(x.shape))), _NAMES[d.pick(0, 1, 2)]
    memory = d.pick(1, 2, x.shape[axis], 5)

    def along(length: int) -> tuple[int, ...]:
        return (*x.shape[:axis], length, *x.shape[axis + 1 :])

    if kind == "CALL_ONCE" or d.chance():
        d.net.call_once(name, d.zeros(along(memory), x.zero), x.scale, x.zero)
    handle = d.net.tensor("handle", (), 1.0, 0, dtype="RESOURCE")
    d.net.op("VAR_HANDLE", [], handle, container=b"", sharedName=name)
    old, both, new = d.like(x, along(memory)), d.like(x, along(memory + x.shape[axis])), d.like(x, along(memory))
    d.net.op("READ_VARIABLE", [handle], old.index)
    d.net.op("CONCATENATION", [old.index, x.index], both.index, axis=axis)
    begin = [both.shape[axis] - memory if i == axis else 0 for i in range(len(x.shape))]
    d.net.op("SLICE", [both.index, d.integers(begin), d.integers(list(new.shape))], new.index)
    d.net.op("ASSIGN_VARIABLE", [handle, new.index], [])
    if d.chance(0.7):
        return both
    late = d.like(x, along(2 * memory))  # what was read is needed after it was assigned anew
    d.net.op("CONCATENATION", [new.index, old.index], late.index, axis=axis)
    return late


def lstm(d: Drawing, x: Ref, kind: str) -> Ref:
    """UNIDIRECTIONAL_SEQUENCE_LSTM, time first or batch first, with and without a clip."""
    time_major, n_state, n_in = d.chance(), d.pick(1, 2, 5, 8, 17), x.shape[2]
    batches = x.shape[1] if time_major else x.shape[0]
    unit, step = d.unit(signed=True), 128 * d.unit(signed=True)[0]  # of the hidden state; step: beside that of int8
    hidden_scale, hidden_zero = unit if d.chance() else (step * Drawing.scale(d, -8, -5), d.zero())
    cell_scale = 2.0 ** d.pick(-15, -13, -12, -12, -11, -10, -8)

    def gates(n: int, spread: float) -> list[int]:
        scales = [spread / (73 * d.spread * np.sqrt(n)) * d.scale(-1, 2) for _ in range(4)]
        return [d.net.constant("w", d.bytes((n_state, n)), [scale]) for scale in scales]

    weights = gates(n_in, 1 / x.scale) + gates(n_state, 1 / hidden_scale)
    most, bias_type = round(9999 / 73 * d.spread), d.bias_type(kind)
    biases = [d.net.constant("b", d.rng.integers(-most, most, n_state).astype(bias_type), [1.0]) for _ in range(4)]
    hidden = d.net.tensor("hidden", (batches, n_state), hidden_scale, hidden_zero, variable=True)
    cell = d.net.tensor("cell", (batches, n_state), cell_scale, 0, dtype="INT16", variable=True)
    y = d.tensor((*x.shape[:2], n_state), hidden_scale, hidden_zero)
    inputs = [x.index, *weights, -1, -1, -1, *biases, -1, -1, hidden, cell, -1, -1, -1, -1]
    clip = cell_scale * float(d.pick(0, 0, 9000, 40000))
    d.net.op(kind, inputs, y.index, timeMajor=time_major, cellClip=clip, fusedActivationFunction=4)
    return y


def svdf(d: Drawing, x: Ref, kind: str) -> Ref:
    """SVDF of any rank and memory, its state int8 or int16."""
    (batches, n_in), rank, units, memory = x.shape, d.pick(1, 1, 2, 3), d.pick(1, 2, 5, 8), d.pick(1, 2, 3, 10)
    filters, wide = rank * units, d.chance()
    most, dtype = (32767, np.int16) if wide else (127, np.int8)
    feature_scale = d.scale(-9, -5)
    state_scale = x.scale * feature_scale * 73 * 73 * np.sqrt(n_in) / most * d.scale(0, 3)
    time_scale, state_zero = d.scale(-9, -5) * 127 / most, 0 if wide else d.zero()
    feature = d.net.constant("feature", d.bytes((filters, n_in)), [feature_scale])
    weights = d.rng.integers(-most // 32 - 1 if wide else -most, (most // 32 if wide else most) + 1, (filters, memory))
    time = d.net.constant("time", weights.astype(dtype), [time_scale])
    step = state_scale * time_scale
    bias = d.net.constant("bias", d.rng.integers(-999, 1000, units).astype(np.int32), [step])
    state = d.net.tensor(
        "state", (batches, filters * memory), state_scale, state_zero, dtype="INT16" if wide else "INT8", variable=True
    )
    spread = np.abs(weights).mean() * most / 4 * np.sqrt(rank * memory)
    y = d.tensor((batches, units), step * (spread + 1) / 73 * d.scale(-1, 2), d.zero())
    d.net.op(kind, [x.index, feature, time, bias, state], y.index, rank=rank)
    return y
