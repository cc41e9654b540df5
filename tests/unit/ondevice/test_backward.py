# SPDX-License-Identifier: Apache-2.0
"""Integer gradients through the ops behind a trained one: the same direction as those in floats."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.chains import Chain, digits, inked, inputs_of, nets, samples_of
from helpers.packages import answer

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.codegen import FactorSetup, render_factors
from mcuedit.model.bundle import Base
from mcuedit.model.ops import operator
from mcuedit.model.tflite import Model
from mcuedit.ondevice.backward import backward_layers
from mcuedit.ondevice.factors import FactorOptions, FactorTrainer
from mcuedit.ondevice.gate import fold, limit
from mcuedit.zoo import digits_data

ALIKE = 0.95  # cosine


def at_logits(model: Model) -> np.ndarray:
    g = np.zeros(model.tensors[model.ops[-1].outputs[0]].size, np.int64)
    g[0], g[2] = -64, 64
    return g


def integers(model: Model, values: list[np.ndarray]) -> np.ndarray:
    g = at_logits(model)
    for link, x, y in reversed(list(zip(backward_layers(model, 0), values, values[1:], strict=False))):
        g, _ = fold(g, limit(len(g)))
        g = link.backward(x, y, g)
    return g


def floats(model: Model, values: list[np.ndarray]) -> np.ndarray:
    grad = at_logits(model).astype(np.float32)
    for link, x, y in reversed(list(zip(backward_layers(model, 0), values, values[1:], strict=False))):
        op = model.ops[link.index]
        x, y = (v.reshape(1, *model.tensors[t].shape) for v, t in ((x, op.inputs[0]), (y, op.outputs[0])))
        grad = operator(model, op).backward(grad.reshape(y.shape), (x,), y)[0]
    return grad.reshape(-1)


@pytest.mark.parametrize("name", nets())
@pytest.mark.parametrize("seed", range(4))
def test_direction(name: str, seed: int) -> None:
    model = nets()[name]
    x = np.random.default_rng(seed).integers(-128, 128, (1, *model.input.shape), dtype=np.int8)
    values = [inputs_of(model, 1, x)[0]]
    for link in backward_layers(model, 0):
        values.append(link.forward(values[-1]))
    found, wanted = integers(model, values).astype(float), floats(model, values).astype(float)
    cosine = found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted)
    print(f"{name} {seed}: cosine {cosine:.4f}")
    assert cosine > ALIKE


@pytest.mark.parametrize(("op", "stay"), [(1, 0.96), (2, 0.94)], ids=["through it", "it itself"])
def test_two_digits_with_a_convolution_of_3x3(op: int, stay: float) -> None:
    """What the net got wrong is learned by op 1, behind which are a CONV_2D of 3x3, a pool and the logits; or by it."""
    model, data = digits(), digits_data.load()
    images, classes = inked(data["x_test"]), data["y_test"]
    x, frozen = samples_of(model, op, images), inputs_of(model, len(model.ops), images).argmax(axis=1)
    right, wrong = np.flatnonzero(frozen == classes), np.flatnonzero(frozen != classes)[:2]
    assert len(right) > 0.97 * len(x)
    replay, unseen = right[:32], right[32:232]
    twin = FactorTrainer(
        model, op, FactorOptions(rank=2, steps=512), x[wrong], tuple(classes[wrong].tolist()), x[replay],
        tuple(classes[replay].tolist()),
    )  # fmt: skip
    twin.run()
    twin.round()
    learned = Adapter("digits", "1.0.0", model.sha256, (twin.delta(),))
    np.testing.assert_array_equal(answer(model, [learned], images[wrong]), classes[wrong])
    np.testing.assert_array_equal(answer(model, [learned], images[replay]), classes[replay])
    assert [twin.answer(row)[0] for row in x[wrong]] == list(twin.wanted)
    kept = np.mean(answer(model, [learned], images[unseen]) == classes[unseen])
    print(f"{twin.step} steps; {kept:.3f} of the unseen stay")
    assert kept >= stay


def test_what_has_no_gradient() -> None:
    grouped = Chain((1, 4, 4, 2)).conv(4, (1, 1)).conv(4, weights=np.ones((4, 3, 3, 2))).dense(3)
    with pytest.raises(McueditError, match=r"op 1 CONV_2D lies .*: it is grouped"):
        backward_layers(grouped, 0)


def test_more_values_than_a_configuration_counts() -> None:
    model = Chain((1, 96, 96, 1)).conv(4, (1, 1)).conv(4).dense(3)
    with pytest.raises(
        McueditError, match="op 0: outputs, its own and those behind it, of 73731 elements, at most 65535"
    ):
        render_factors(Base("net", model), FactorSetup(0))
