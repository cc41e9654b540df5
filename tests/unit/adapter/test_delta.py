# SPDX-License-Identifier: Apache-2.0
"""Delta arithmetic against a loop over scalars, written from SPEC.md section 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from helpers import deltas, tiny
from helpers.convs import Conv

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta, add, check, check_adapter
from mcuedit.adapter.forward import Trace, with_deltas
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model import ops
from mcuedit.model.adaptable import OUTPUT, OpGeometry, activation_range, is_adaptable, op_geometry, tap_geometry
from mcuedit.model.tflite import Model, parse


def mbqm(x: int, m: int, s: int) -> int:
    """SPEC.md section 1 for s <= 0."""
    nudged = x * m + ((1 << 30) if x * m >= 0 else 1 - (1 << 30))
    high = abs(nudged) // (1 << 31) * (1 if nudged >= 0 else -1)
    mask = (1 << -s) - 1
    return (high >> -s) + ((high & mask) > (mask >> 1) + (high < 0))


def clamp(x: int, lo: int, hi: int) -> int:
    return min(max(x, lo), hi)


def scalar_h(delta: Delta, x: Sequence[int]) -> list[int]:
    found = []
    for k in range(delta.rank):
        a = int(delta.c[k]) + sum(int(delta.a[k, j]) * x[j] for j in range(len(x)))
        found.append(clamp(mbqm(a, int(delta.m[k]), int(delta.s[k])), 0 if delta.gated else -127, 127))
    return found


def scalar_add(active: Sequence[Delta], hs: Sequence[list[int]], y: Sequence[int]) -> list[int]:
    total, is_open = [0] * len(y), False
    for delta, h in zip(active, hs, strict=True):
        index = range(len(y)) if delta.rows is None else delta.rows.tolist()
        d = dict.fromkeys(range(len(y)), 0)
        for row, i in enumerate(index):
            b_h = sum(int(delta.b[row, k]) * h[k] for k in range(delta.rank))
            d[i] = clamp(mbqm(b_h, delta.M, delta.S), -255, 255)
        if any(h) and (not delta.conditional or d[y.index(max(y))] < 0):
            is_open = True
            total = [t + d[i] for i, t in enumerate(total)]
    if not is_open:
        return list(y)
    return [clamp(v + d, active[0].act_lo, active[0].act_hi) for v, d in zip(y, total, strict=True)]


def random_rows(count: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (count, width)).astype(np.int8)


@pytest.mark.parametrize("gated", [True, False], ids=["gated", "plain"])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("rows", [2, None], ids=["sparse", "dense"])
@pytest.mark.parametrize("conditional", [False, True], ids=["", "conditional"])
def test_one_delta(tiny_model, gated, bits, rank, rows, conditional):
    delta = deltas.delta(tiny_model, 0, 1, gated=gated, bits=bits, rank=rank, rows=rows, conditional=conditional)
    x, y = random_rows(60, 16), random_rows(60, 6, 2)
    h = delta.project(x)
    assert h.tolist() == [scalar_h(delta, row) for row in x.tolist()]
    expected = [scalar_add([delta], [scalar_h(delta, a)], b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert add([delta], [h], y).tolist() == expected
    assert conditional or not np.array_equal(add([delta], [h], y), y)


def test_several_deltas_add_up_before_the_one_clamp(tiny_model):
    active = [
        deltas.delta(tiny_model, 1, 1, seed=1),
        deltas.delta(tiny_model, 0, 1, seed=2, gated=False, rank=2),
        deltas.delta(tiny_model, 0, 1, seed=3, rows=None, bits=4),
        deltas.delta(tiny_model, 1, 1, seed=4, rows=None, conditional=True),
    ]
    taps = {0: random_rows(80, 16), 1: random_rows(80, 8, 2)}
    y = random_rows(80, 6, 3)
    hs = [d.project(taps[d.tap]) for d in active]
    moved = add(active, hs, y)
    for i in range(80):
        one = [scalar_h(d, taps[d.tap][i].tolist()) for d in active]
        assert moved[i].tolist() == scalar_add(active, one, y[i].tolist())
    for order in ([3, 2, 0, 1], [1, 2, 3, 0]):  # the sum has no order
        assert add([active[i] for i in order], [hs[i] for i in order], y).tolist() == moved.tolist()


def test_a_conditional_delta_acts_only_where_it_lowers_the_first_largest_output(tiny_model):
    it = replace(
        deltas.delta(tiny_model, 1, 1, conditional=True),
        rows=np.array([1, 4]),
        b=np.array([[-127], [127]], np.int8),
        M=(1 << 31) - 1,
        S=0,
    )
    h = np.ones((4, 1), np.int64)
    y = np.array(
        [[0, 9, 0, 0, 5, 0], [9, 0, 0, 0, 5, 0], [0, 9, 9, 0, 5, 0], [9, 9, 0, 0, 5, 0]], np.int8
    )  # the class that is lowered; another; a tie that it comes first in; one that it does not
    assert (add([it], [h], y) != y).any(axis=1).tolist() == [True, False, True, False]
    raised = replace(it, b=-it.b)
    assert (add([raised], [h], y) == y).all()  # no row of it lowers class 1
    assert (add([it], [0 * h], y) == y).all()
    up = replace(it, conditional=False, rows=np.array([0]), b=np.array([[127]], np.int8))
    both = add([up, it], [h, h], y)  # the question is about what stood there before any of them
    assert (both[:, 4] != y[:, 4]).tolist() == [True, False, True, False]


def test_opposite_deltas_cancel_where_two_clamps_would_not(tiny_model):
    up = deltas.delta(tiny_model, 1, 1, rows=None)
    up = replace(up, b=np.full((6, 1), 127, np.int8), M=(1 << 31) - 1, S=0)
    down = replace(up, b=-up.b)
    h = np.full((1, 1), 127, np.int64)
    y = np.array([[100, -100, 0, 5, 127, -128]], np.int8)
    assert add([up, down], [h, h], y).tolist() == y.tolist()
    assert add([up], [h], y).tolist() == [[127] * 6]


def test_closed_rows_are_untouched_even_outside_the_activation_range(tiny_model):
    """A closed gate is skipped, not clamped: what lies outside [act_lo, act_hi] stays there."""
    delta = replace(deltas.delta(tiny_model, 1, 1), act_lo=0)
    y = np.full((2, 6), -100, np.int8)
    moved = add([delta], [np.array([[0], [50]])], y)
    assert moved[0].tolist() == [-100] * 6
    assert moved[1].min() >= 0
    assert add([], [], y) is y


def test_gated_factors_never_pull_back(tiny_model):
    delta = deltas.delta(tiny_model, 0, 1)
    x = random_rows(200, 16)
    assert delta.project(x).min() == 0 < delta.project(x).max()
    assert replace(delta, gated=False).project(x).min() < 0


def test_whole_net_with_a_delta_before_a_later_tap(tiny_model):
    """What one delta changes is what the ops and taps after it read (section 2: the tap's live input)."""
    first, second = deltas.delta(tiny_model, 0, 0, rows=None, gated=False), deltas.delta(tiny_model, 1, 1, seed=5)
    x = random_rows(50, 16)[:, None]
    fc0, fc1, softmax = (ops.operator(tiny_model, op) for op in tiny_model.ops)
    hidden = fc0.forward(x)
    logits = fc1.forward(hidden)
    at = [tiny_model.inputs[0], *(op.outputs[0] for op in tiny_model.ops)]
    base = Trace(dict(zip(at, (x, hidden, logits, softmax.forward(logits)), strict=True)))
    now = with_deltas(tiny_model, [second, first], base).values
    hidden_now = add([first], [first.project(x)], hidden)
    logits_now = add([second], [second.project(hidden_now)], fc1.forward(hidden_now))
    assert now[at[1]].tolist() == hidden_now.tolist()
    assert now[at[2]].tolist() == logits_now.tolist()
    assert now[at[3]].tolist() == softmax.forward(logits_now).tolist()
    assert base.values[at[1]] is hidden  # the base's values are left alone


def test_rows_of_one_op_are_treated_on_their_own():
    def three_rows(m):
        for t in m.subgraphs[0].tensors:
            if t.name in (b"input", b"hidden0", b"logits"):
                t.shape = [3, t.shape[1]]

    model = parse(tiny.altered(tiny.classifier(softmax=False), three_rows))
    assert op_geometry(model, 0).positions == 3
    delta = deltas.delta(model, 0, 0, rows=None)
    x = np.random.default_rng(0).integers(-128, 128, (20, 3, 16)).astype(np.int8)
    y = ops.operator(model, model.ops[0]).forward(x)
    logits = ops.operator(model, model.ops[1]).forward(y)
    base = Trace({model.inputs[0]: x, model.ops[0].outputs[0]: y, model.outputs[0]: logits})
    now = with_deltas(model, [delta], base).values[model.ops[0].outputs[0]]
    for sample in range(20):
        for row in range(3):
            expected = scalar_add([delta], [scalar_h(delta, x[sample, row].tolist())], y[sample, row].tolist())
            assert now[sample, row].tolist() == expected
    with pytest.raises(McueditError, match="needs one position in both ops"):
        check(deltas.delta(model, 0, 1), model)


def violated(model: Model) -> dict[str, Delta]:
    """By message, a delta that breaks just that rule."""
    good, skip = deltas.delta(model, 1, 1), deltas.delta(model, 0, 1)
    wide = replace(good, a=np.full((1, 8), 127, np.int8))
    return {
        "tap 1 comes after target 0": replace(good, target=0, act_lo=-128),
        "rank 0 is not in 1..255": replace(
            good, a=good.a[:0], c=good.c[:0], m=good.m[:0], s=good.s[:0], b=good.b[:, :0]
        ),
        "A has 7 bits, not 8 or 4": replace(good, bits=7, a=np.ones((1, 8), np.int8)),
        "A is 16 wide, the tap's input 8": replace(skip, tap=1, zx=good.zx),
        "A exceeds 127": replace(good, a=np.full((1, 8), -128, np.int8)),
        "A exceeds 7": replace(good, bits=4, a=np.full((1, 8), 8, np.int8)),
        "B exceeds 127": replace(good, b=np.full((2, 1), -128, np.int8)),
        "dense B has 2 rows, the target 6": replace(good, rows=None),
        "row indices are not ascending": replace(good, rows=good.rows[::-1].copy()),
        "zero point 3, the tap's input has -128": replace(good, zx=3),
        "activation range is not the target's": replace(good, act_hi=126),
        "multiplier or shift out of range": replace(good, M=(1 << 30) - 1),
        "the folded accumulator could overflow": replace(wide, c=np.array([(1 << 31) - 127 * 8 * 128])),
        # The tap's zero point is -128: unfolded, an input reaches 255 and the offset is c - 128 * sum A.
        "the accumulator could overflow": replace(wide, c=np.array([-(1 << 31) + 127 * 8 * 128 + 1])),
    }


MESSAGES = list(violated(parse(tiny.classifier())))


@pytest.mark.parametrize("message", MESSAGES)
def test_each_bound_is_refused_by_name(tiny_model, message):
    with pytest.raises(McueditError) as caught:
        check(violated(tiny_model)[message], tiny_model)
    assert message in caught.value.message
    assert caught.value.message.startswith("delta ")


@pytest.mark.parametrize(("field", "value"), [("m", 1 << 31), ("m", 1), ("m", -(1 << 30)), ("s", 1), ("s", -32)])
def test_multipliers_of_factors_are_bounded_too(tiny_model, field, value):
    with pytest.raises(McueditError, match=r"multiplier or shift|m holds what is no integer"):
        check(replace(deltas.delta(tiny_model, 1, 1), **{field: np.array([value])}), tiny_model)


def test_bounds_are_tight(tiny_model):
    """The largest offset that still fits is accepted, and its sums do stay in int32."""
    wide = replace(deltas.delta(tiny_model, 0, 0), a=np.full((1, 16), 127, np.int8), zx=0)
    largest = replace(wide, c=np.array([(1 << 31) - 1 - 127 * 16 * 128]))
    check(largest, tiny_model)
    assert largest.pre_gate(np.full((1, 16), 127, np.int8))[0, 0] < 1 << 31
    with pytest.raises(McueditError, match="overflow"):
        check(replace(largest, c=largest.c + 1), tiny_model)


def test_factor_bytes(tiny_model):
    # c 4, m 4, s 1, A 16; two rows of 2 + 1.
    assert deltas.delta(tiny_model, 0, 1).factor_bytes == 9 + 16 + 2 * 3
    assert deltas.delta(tiny_model, 0, 1, bits=4).factor_bytes == 9 + 8 + 2 * 3
    assert deltas.delta(tiny_model, 0, 1, rank=3, rows=None).factor_bytes == 3 * (9 + 16) + 6 * 3


def test_adapters_of_another_base_are_refused(tiny_model):
    other = Adapter("x", "1", "ab" * 32, (deltas.delta(tiny_model, 1, 1),))
    with pytest.raises(McueditError, match=f"another base: abababababababab, this one is {tiny_model.sha256[:16]}"):
        check_adapter(other, tiny_model)


@pytest.mark.parametrize(
    ("activation", "scale", "zero", "expected"),
    [
        (0, 0.1, 3, (-128, 127)),
        (1, 0.1, -128, (-128, 127)),
        (1, 0.1, 5, (5, 127)),
        (2, 0.25, 0, (-4, 4)),
        (3, 0.05, -128, (-128, -8)),
        (2, 0.4, 0, (-3, 3)),  # 2.5 rounds away from zero on both sides
    ],
)
def test_activation_ranges(activation, scale, zero, expected):
    assert activation_range(activation, scale, zero) == expected


def test_unknown_activation():
    with pytest.raises(McueditError, match="fused activation 4"):
        activation_range(4, 0.1, 0)


@pytest.mark.parametrize(("index", "message"), [(9, r"has ops 0\.\.2"), (-1, "has ops")])
def test_ops_that_carry_nothing(tiny_model, index, message):
    with pytest.raises(McueditError, match=message) as caught:
        op_geometry(tiny_model, index)
    assert "0, 1" in caught.value.hint


def test_geometry_of_a_convolution():
    model = parse(Conv(size=(5, 6), c_in=2, c_out=3, kernel=(3, 1), stride=(2, 1), batches=2).tflite())
    found = op_geometry(model, 0)
    assert (found.n_in, found.n_out, found.positions, found.zx) == (6, 3, 2 * 3 * 6, -7)
    assert found.window is not None
    assert not found.single


def test_an_op_without_weights_is_rows_of_the_last_axes_or_a_whole():
    net = NetBuilder()
    x = net.tensor("x", (1, 4, 6, 3), 0.5, -3)
    y = net.tensor("y", (1, 4, 6, 3), 0.5, 2)
    pooled, mean = net.tensor("pooled", (1, 2, 3, 3), 0.5, 2), net.tensor("mean", (1, 3), 0.5, 7)
    axes = net.constant("axes", np.array([1, 2], np.int32))
    net.op("ADD", [x, x], y, fusedActivationFunction=1)
    net.op("MAX_POOL_2D", [y], pooled, filterWidth=2, filterHeight=2, strideW=2, strideH=2)
    net.op("MEAN", [pooled, axes], mean)
    model = parse(net.pack(x, mean))
    assert op_geometry(model, 0) == OpGeometry(3, 3, 24, -3, 2, 127, None, 2)
    assert op_geometry(model, 1) == OpGeometry(72, 18, 1, 2, -128, 127, None, 2)
    assert op_geometry(model, 2) == OpGeometry(18, 3, 1, 2, -128, 127, None, 7)
    assert tap_geometry(model, 2 | OUTPUT) == OpGeometry(3, 3, 1, 7, -128, 127, None, 7)
    assert not any(is_adaptable(model, op) for op in model.ops)  # generated code serves none where none is asked for


def test_a_grouped_convolution_is_as_one_without_weights():
    found = op_geometry(parse(tiny.altered(Conv().tflite(), lambda m: _filter(m, [3, 3, 6, 1]))), 0)
    assert found.window is None


def test_a_tap_that_is_an_output_needs_its_op_as_target(tiny_model):
    made = deltas.delta(tiny_model, 0 | OUTPUT, 0)
    check(made, tiny_model)
    assert made.zx == op_geometry(tiny_model, 0).zy
    with pytest.raises(McueditError, match=r"delta 0:output -> 1: .* needs that op as its target"):
        check(replace(made, target=1), tiny_model)


def test_a_1x1_convolution_needs_no_window():
    found = op_geometry(parse(Conv(size=(1, 1), c_in=4, kernel=(1, 1)).tflite()), 0)
    assert (found.n_in, found.positions, found.window) == (4, 1, None)
    assert found.single


def test_a_tap_before_its_target_needs_one_position():
    model = parse(Conv(size=(1, 1), kernel=(1, 1)).tflite())
    assert op_geometry(model, 0).single
    windowed = op_geometry(parse(Conv(size=(3, 3), same=False).tflite()), 0)
    assert windowed.positions == 1
    assert not windowed.single


def _filter(model, shape):
    model.subgraphs[0].tensors[1].shape = shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: setattr(m.subgraphs[0].tensors[1], "buffer", 0), "weights are no constant filter"),
        (lambda m: setattr(m.subgraphs[0].tensors[1], "type", 17), "weights are INT4, not INT8"),
        (lambda m: setattr(m.subgraphs[0].tensors[3], "shape", [1, 5, 6, 4]), "do not fit"),
        (lambda m: setattr(m.subgraphs[0].tensors[3], "shape", [1, 4, 6, 3]), "does not give output"),
    ],
)
def test_convolutions_that_carry_nothing(change, message):
    with pytest.raises(McueditError, match=message):
        op_geometry(parse(tiny.altered(Conv().tflite(), change)), 0)
