# SPDX-License-Identifier: Apache-2.0
"""Integer gradients through the ops behind a trained one: the same direction as those in floats."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.chains import inputs_of, nets

from mcuedit.learning.gate import fold, limit
from mcuedit.learning.links import links
from mcuedit.model import Model
from mcuedit.ops import operator

ALIKE = 0.95  # cosine


def at_logits(model: Model) -> np.ndarray:
    g = np.zeros(model.tensors[model.ops[-1].outputs[0]].size, np.int64)
    g[0], g[2] = -64, 64
    return g


def integers(model: Model, values: list[np.ndarray]) -> np.ndarray:
    g = at_logits(model)
    for link, x, y in reversed(list(zip(links(model, 0), values, values[1:], strict=False))):
        g, _ = fold(g, limit(len(g)))
        g = link.backward(x, y, g)
    return g


def floats(model: Model, values: list[np.ndarray]) -> np.ndarray:
    grad = at_logits(model).astype(np.float32)
    for link, x, y in reversed(list(zip(links(model, 0), values, values[1:], strict=False))):
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
    for link in links(model, 0):
        values.append(link.forward(values[-1]))
    found, wanted = integers(model, values).astype(float), floats(model, values).astype(float)
    cosine = found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted)
    print(f"{name} {seed}: cosine {cosine:.4f}")
    assert cosine > ALIKE
