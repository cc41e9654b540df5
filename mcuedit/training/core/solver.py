# SPDX-License-Identifier: Apache-2.0
"""What open gates add: the columns of B, in closed form at the objective, else by gradient through the ops between."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.edits.wanted import ALL, Avoid, Over, ToClass, ToVector
from mcuedit.model.adaptable import OpGeometry
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.training.core.delta_site import DeltaSite, Factors
from mcuedit.training.core.gates import FULL, Gates
from mcuedit.training.core.objective import hinge
from mcuedit.training.core.optimizer import Look, Schedule, descend
from mcuedit.training.core.suffix import Suffix

_H = 127  # of an open gate: the step is hard
_STEPS = 200  # of a column for one gate
_IDLE = 15  # steps without a better one that end the training of all columns
_LOSS = 1e-3  # weight of the mean loss in the score that says which step was the best


def gated(site: DeltaSite, gates: Gates, groups: IntArray, bits: int, steps: int, seed: int) -> Delta:
    """The delta of gates that are trained already.

    Args:
        groups: int64[n], the group of every row of the table; -1 where it is not edited.
        steps: of the gradient, where one is needed.
    """
    if site.at_end and isinstance(site.table.objective.wanted, ToVector):
        b, output = _residuals(site, gates, groups)
    elif site.at_end:
        b, output = _logits(site, gates, groups), FULL
    else:
        output = quantize_multiplier(2 / _H)  # h = 127 adds twice the column
        return _solved(site, gates, output, bits, steps, seed)
    return _delta(site, gates, b, output, bits)


def _delta(site: DeltaSite, gates: Gates, b: Int8Array, output: tuple[int, int], bits: int) -> Delta:
    return site.delta(Factors(gates.a, gates.offset, FULL, b, output, True, bits))


def _logits(site: DeltaSite, gates: Gates, groups: IntArray) -> Int8Array:
    """The new class goes to the top, the classes that led go to the bottom; nothing else is moved.

    A class that ties with the answer goes down too: where logits saturate, the new class can only join it at the top.
    """
    wanted, edit = site.table.objective.wanted, site.table.edit
    assert isinstance(wanted, ToClass | Over | Avoid)
    b = np.zeros((site.target.n_out, len(gates.a)), np.int8)
    place = np.searchsorted(site.table.objective.edit, edit)
    for k, group in enumerate(gates.group):
        own = edit[groups[edit] == group]
        at = place[groups[edit] == group]
        logits = site.y(own)[:, 0]
        leads = (logits == logits.max(axis=1, keepdims=True)).any(axis=0)
        if isinstance(wanted, Avoid):
            b[wanted.classes[at[0]], k] = -_H
            continue
        over = wanted.against[at[0]]
        b[leads if over == ALL else over, k] = -_H
        b[wanted.classes[at[0]], k] = _H
    return b


def _residuals(site: DeltaSite, gates: Gates, groups: IntArray) -> tuple[Int8Array, tuple[int, int]]:
    """What the group's vectors lack on average."""
    edit = site.table.edit
    lacks = [site.table.objective.residual(edit[groups[edit] == g]).mean(axis=0) for g in gates.group]
    column = np.clip(np.stack(lacks, axis=1), -255, 255)
    peak = max(float(np.abs(column).max()), 1.0)
    return np.round(column / peak * _H).astype(np.int8), quantize_multiplier(peak / (_H * _H))


def _solved(site: DeltaSite, gates: Gates, output: tuple[int, int], bits: int, steps: int, seed: int) -> Delta:
    """B by normalized gradient steps; inputs that stay take part where a gate is open on them."""
    rng = np.random.default_rng(seed)
    table = site.table
    edit = table.edit[rng.permutation(len(table.edit))[: site.batch]]
    leaky = table.keep[gates.opened(site.tapped, table.keep).any(axis=1)] if len(table.keep) else table.keep
    index = np.concatenate([edit, leaky[rng.permutation(len(leaky))[: site.batch // 2]]])
    y = site.y(index)
    start = np.zeros((site.target.n_out, len(gates.a)), np.float32)
    h = _delta(site, gates, start.astype(np.int8), output, bits).project(site.whole.of(index))
    real = output[0] * 2.0 ** (output[1] - 31)

    def look(b: FloatArray) -> Look:
        whole = np.round(b).astype(np.int8)
        moved = site.moved(_delta(site, gates, whole, output, bits), h, y)
        edited, kept, pull = site.judge(moved, index, len(edit))
        stays = float(kept.good.mean()) if len(kept.good) else 1.0
        score = float(edited.good.mean()) + stays - _LOSS * float(edited.loss.mean())

        def gradient() -> FloatArray:
            grad = (pull() * site.through(whole, h, output)).reshape(-1, site.target.n_out)
            return (grad.T @ h.reshape(-1, len(gates.a))).astype(np.float32) * np.float32(real)

        return Look(score, not edited.loss.any() and stays == 1.0, gradient)

    best = descend(start, look, Schedule(steps, limit=127.0, idle=_IDLE), rng)
    return _delta(site, gates, np.round(best).astype(np.int8), output, bits)


def solve_column(
    suffix: Suffix,
    target: OpGeometry,
    y: Int8Array,
    wanted: int,
    rng: np.random.Generator,
    side: Mapping[int, Int8Array],
) -> Int8Array:
    """A column of B for one gate: twice its values, added to the target's output, make `wanted` the answer.

    Args:
        y: int8[n, ..., n_out], the target's output on the inputs to be changed.
        side: what the suffix wants beside it, for the same inputs.

    Returns:
        int8[n_out]
    """
    classes, over = np.full(len(y), wanted, np.int64), np.full(len(y), ALL)

    def look(amount: FloatArray) -> Look:
        whole = 2 * np.clip(np.round(amount / 2), -127, 127)
        moved = np.clip(y + whole, target.act_lo, target.act_hi).astype(np.int8)
        values = suffix.forward(moved, side)
        loss, grad = hinge(values[suffix.end].reshape(len(y), -1), classes, over)
        mean = float(loss.mean())

        def gradient() -> FloatArray:
            pull: FloatArray = suffix.backward(grad, values).reshape(-1, target.n_out).sum(axis=0)
            return pull

        return Look(-mean, mean == 0, gradient)

    best = descend(np.zeros(target.n_out, np.float32), look, Schedule(_STEPS), rng)
    return np.clip(np.round(best / 2), -127, 127).astype(np.int8)
