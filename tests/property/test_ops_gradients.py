# SPDX-License-Identifier: Apache-2.0
"""Straight-through gradients against what the exact ops do when their inputs move.

For an op that is linear but for rounding and clamps, outputs that are in range move by the transpose of `backward`, to
a rounding error of at most one step in each.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mcuedit.conformance import oneop
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.ops.elementwise.table import Table
from mcuedit.model.tflite import Model, Op, parse
from mcuedit.model.windows import window

LINEAR = (
    "ADD",
    "AVERAGE_POOL_2D",
    "BATCH_MATMUL",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MEAN",
    "MUL",
    "RESIZE_BILINEAR",
    "SUB",
    "SUM",
    "TRANSPOSE_CONV",
)
COPIES = (
    "BATCH_TO_SPACE_ND",
    "CONCATENATION",
    "DEPTH_TO_SPACE",
    "EXPAND_DIMS",
    "GATHER",
    "PACK",
    "PAD",
    "PADV2",
    "RESHAPE",
    "RESIZE_NEAREST_NEIGHBOR",
    "SLICE",
    "SPACE_TO_BATCH_ND",
    "SPACE_TO_DEPTH",
    "SPLIT",
    "SPLIT_V",
    "SQUEEZE",
    "STRIDED_SLICE",
    "TRANSPOSE",
    "UNPACK",
)
TABLES = ("ABS", "ELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "QUANTIZE", "RELU", "RELU6", "TANH")
ROUNDING = 1.1  # steps that a difference of two rounded outputs is off, at most
seeds = st.integers(0, 1 << 30)


def drawn(kind: str, rng: np.random.Generator) -> tuple[Model, Op]:
    """A random model whose last op is of that kind."""
    model = parse(oneop.random_model(kind, rng), kind)
    return model, model.ops[-1]


def moved(model: Model, op: Op, rng: np.random.Generator) -> tuple[list[np.ndarray], ...]:
    """Sources before, halfway and after: halfway is exact, so that products are as good as linear."""
    shapes = [(1, *model.tensors[t].shape) for t in model.sources(op)]
    half = [rng.integers(-64, 64, shape) for shape in shapes]
    way = [rng.integers(-60, 61, shape) for shape in shapes]
    return (
        [(h - w).astype(np.int8) for h, w in zip(half, way, strict=True)],
        [h.astype(np.int8) for h in half],
        [(h + w).astype(np.int8) for h, w in zip(half, way, strict=True)],
    )


def inner(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return float(sum((p.astype(np.float64) * q.astype(np.float64)).sum() for p, q in zip(a, b, strict=True)))


@pytest.mark.parametrize("kind", LINEAR)
@given(seed=seeds)
@settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
)  # sums saturate mostly
def test_backward_is_the_transpose_of_forward(kind, seed):
    rng = np.random.default_rng(seed)
    model, op = drawn(kind, rng)
    it = ops.operator(model, op)
    low, half, high = moved(model, op, rng)
    below, middle, above = (it.forward(*xs) for xs in (low, half, high))
    lo, hi = min(below.min(), above.min()), max(below.max(), above.max())
    free = np.all([(y > lo) & (y < hi) for y in (below, middle, above)], axis=0)
    grad = np.where(free, above.astype(np.float32) - below, 0).astype(np.float32)
    size = float((grad**2).sum())
    assume(size > 4 * np.abs(grad).sum())
    back = it.backward(grad, half, middle)
    steps = [b.astype(np.int32) - a for a, b in zip(low, high, strict=True)]
    assert [b.shape for b in back] == [x.shape for x in half]
    assert abs(inner(list(back), steps) - size) <= ROUNDING * np.abs(grad).sum() + 1e-3 * size


@pytest.mark.parametrize("kind", COPIES)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_copies_are_exact(kind, seed):
    rng = np.random.default_rng(seed)
    model, op = drawn(kind, rng)
    it = ops.operator(model, op, int(rng.integers(len(op.outputs))))
    low, _, high = moved(model, op, rng)
    y = it.forward(*high)
    grad = rng.integers(-9, 10, y.shape).astype(np.float32)
    back = it.backward(grad, high, y)
    steps = [b.astype(np.int32) - a for a, b in zip(low, high, strict=True)]
    assert inner(list(back), steps) == inner([grad], [y.astype(np.int32) - it.forward(*low)])


@pytest.mark.parametrize("kind", TABLES)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_slopes_of_a_table_add_up_to_it(kind, seed):
    model, op = drawn(kind, np.random.default_rng(seed))
    it = ops.operator(model, op)
    assert isinstance(it, Table)
    shape = model.tensors[op.inputs[0]].shape
    x = np.repeat(np.arange(-128, 128).astype(np.int8), int(np.prod(shape))).reshape(256, *shape)
    y = it.forward(x)
    table = y.reshape(256, -1)[:, 0]
    np.testing.assert_array_equal(table, it.table)
    slope = it.backward(np.ones(y.shape, np.float32), [x], y)[0].reshape(256, -1)[:, 0]
    free = (table > table.min()) & (table < table.max())
    inside = np.flatnonzero(free)
    assume(len(inside) > 1)
    first, last = inside[0], inside[-1]
    assume(free[first : last + 1].all() and np.abs(slope).max() < 16)  # no steeper than a trapezoid can follow
    area = np.concatenate([[0], np.cumsum((slope[first:last] + slope[first + 1 : last + 1]) / 2)])
    assert np.abs(area - (table[first : last + 1].astype(int) - int(table[first]))).max() <= 4


@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_maximum_passes_its_gradient_to_the_first_that_has_it(seed):
    rng = np.random.default_rng(seed)
    model, op = drawn("MAX_POOL_2D", rng)
    o, w = op.options, window(model, op)
    assume(o["fusedActivationFunction"] == 0)
    it = ops.operator(model, op)
    x = rng.integers(-100, 101, (2, *model.input.shape)).astype(np.int8)
    y = it.forward(x)
    grad = rng.integers(1, 9, y.shape).astype(np.float32)
    expected = np.zeros(x.shape, np.float32)
    for n, b, i, j, c in np.ndindex(y.shape):
        top, left = i * o["strideH"] - w.pad_top, j * o["strideW"] - w.pad_left
        rows = range(max(top, 0), min(top + o["filterHeight"], w.in_h))
        columns = range(max(left, 0), min(left + o["filterWidth"], w.in_w))
        places = [(n, b, row, column, c) for row in rows for column in columns]
        expected[max(places, key=lambda place: int(x[place]))] += grad[n, b, i, j, c]
    np.testing.assert_array_equal(it.backward(grad, [x], y)[0], expected)


@given(scale=st.floats(0.01, 0.3), beta=st.sampled_from([0.5, 1.0]), seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_softmax(scale, beta, seed):
    rng = np.random.default_rng(seed)
    net = NetBuilder()
    x, y = net.tensor("x", (1, 7), scale, 3), net.tensor("y", (1, 7), 1 / 256, -128)
    net.op("SOFTMAX", [x], y, beta=beta)
    model = parse(net.pack(x, y), "softmax")
    it = ops.operator(model, model.ops[0])
    at, grad = rng.integers(-128, 128, (3, 1, 7)).astype(np.int8), rng.normal(size=(3, 1, 7)).astype(np.float32)
    (back,) = it.backward(grad, [at], it.forward(at))

    def real(values: np.ndarray) -> np.ndarray:
        e = np.exp(values * scale * beta)
        return 256 * e / e.sum(axis=-1, keepdims=True)

    for k in range(7):
        step = np.zeros(7)
        step[k] = 1e-3
        slope = ((real(at + step) - real(at - step)) / 2e-3 * grad).sum(axis=-1)
        np.testing.assert_allclose(back[..., k], slope, atol=0.02 * 256 * scale)


REAL = {
    "DIV": lambda a, b: a / b,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "PRELU": lambda a, b: np.where(a >= 0, a, a * b),
    "SQUARED_DIFFERENCE": lambda a, b: (a - b) ** 2,
}


@pytest.mark.parametrize("kind", REAL)
@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_gradients_of_two_operands_are_those_of_the_real_function(kind, seed):
    rng = np.random.default_rng(seed)
    model, op = drawn(kind, rng)
    it, bytewise = ops.operator(model, op), kind in ("MAXIMUM", "MINIMUM")
    a, b, made = (model.tensors[t] for t in (*op.inputs, *op.outputs))
    xs = [rng.integers(-128, 128, (1, *model.tensors[t].shape)).astype(np.int8) for t in model.sources(op)]
    if len(xs) == 2 and op.inputs[0] == op.inputs[1]:
        xs[1] = xs[0]
    y = it.forward(*xs)

    def units(t):
        return (1.0, 0.0) if bytewise else (float(t.scale[0]), float(t.zero))

    def reals(live):
        given, found = iter(live), []
        for tensor in (a, b):
            values = next(given) if tensor.data is None else tensor.data[None].astype(float)
            scale, zero = units(tensor)
            ones = (1,) * (len(made.shape) - len(tensor.shape))
            found.append((values.reshape(1, *ones, *tensor.shape) - zero) * scale)
        return found

    p, q = reals([x.astype(float) for x in xs])
    smooth = np.abs(p - q) > 0 if bytewise else np.abs(p) > 1.5 * a.scale[0]
    smooth = smooth & (np.abs(q) > 1.5 * b.scale[0]) if kind == "DIV" else smooth
    lo, hi = y.min(), y.max()
    free = np.broadcast_to(smooth, y.shape) & (bytewise | ((y > max(lo, -128)) & (y < min(hi, 127))))
    grad = np.where(free, rng.normal(size=y.shape), 0).astype(np.float32)
    assume(free.any())
    back = it.backward(grad, xs, y)
    way = [rng.normal(size=x.shape) for x in xs]
    moved_by = [REAL[kind](*reals([x + step * w for x, w in zip(xs, way, strict=True)])) for step in (-1e-4, 1e-4)]
    slope = ((moved_by[1] - moved_by[0]) / 2e-4 / units(made)[0]).reshape(y.shape)
    wanted, found = float((slope * grad).sum()), inner(list(back), way)
    assert abs(found - wanted) <= 1e-3 * max(1.0, float(np.abs(slope * grad).sum()))


@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_largest_along_axes_gets_the_gradient(seed):
    rng = np.random.default_rng(seed)
    model, op = drawn("REDUCE_MAX", rng)
    it = ops.operator(model, op)
    x = rng.permuted(np.arange(2 * model.input.size) % 256 - 128).astype(np.int8).reshape(2, *model.input.shape)
    y = it.forward(x)
    grad = rng.integers(1, 9, y.shape).astype(np.float32)
    (back,) = it.backward(grad, [x], y)
    assert back.sum() == grad.sum()
    assert np.count_nonzero(back) == grad.size
    assert inner([back], [x]) == inner([grad], [y])


@given(seed=seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_l2_normalization(seed):
    rng = np.random.default_rng(seed)
    net = NetBuilder()
    x, y = net.tensor("x", (1, 5), 1 / 16, 3), net.tensor("y", (1, 5), 1 / 128, 0)
    net.op("L2_NORMALIZATION", [x], y)
    model = parse(net.pack(x, y), "l2")
    it = ops.operator(model, model.ops[0])
    at, grad = rng.integers(-128, 128, (3, 1, 5)).astype(np.int8), rng.normal(size=(3, 1, 5)).astype(np.float32)
    (back,) = it.backward(grad, [at], it.forward(at))

    def real(values: np.ndarray) -> np.ndarray:
        return 128 * (values - 3) / np.sqrt(((values - 3) ** 2).sum(axis=-1, keepdims=True))

    for k in range(5):
        step = np.zeros(5)
        step[k] = 1e-3
        slope = ((real(at + step) - real(at - step)) / 2e-3 * grad).sum(axis=-1)
        np.testing.assert_allclose(back[..., k], slope, atol=0.01)
