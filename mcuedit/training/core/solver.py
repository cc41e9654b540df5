# SPDX-License-Identifier: Apache-2.0
"""What open gates add: the columns of B, in closed form at the objective, else by gradient through the ops between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.edits.wanted import ALL, Avoid, Over, ToClass, ToVector
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.training.core.delta_site import DeltaSite, Factors
from mcuedit.training.core.gates import FULL, Gates
from mcuedit.training.core.objective import hinge
from mcuedit.training.core.optimizer import Look, Schedule, descend
from mcuedit.training.core.suffix import Suffix

_H = 127  # of an open gate: the step is hard


@dataclass(frozen=True)
class SolverConfig:
    """How columns of B are solved where ops follow the target.

    Attributes:
        steps: of the gradient, at most. idle: steps without a better one that end it; None: none do.
        rate: int8 units by which the largest element moves in the first step.
        loss: weight of the mean loss in the score that says which step was the best.
    """

    steps: int = 60
    idle: int | None = 15
    rate: float = 8.0
    loss: float = 1e-3


def gated(site: DeltaSite, gates: Gates, groups: IntArray, bits: int, config: SolverConfig, seed: int) -> Delta:
    """The delta of gates that are trained already.

    Args:
        groups: int64[n], the group of every sample of the table; -1 where it is not edited.
    """
    if site.at_end and isinstance(site.table.objective.wanted, ToVector):
        b, output = _residuals(site, gates, groups)
    elif site.at_end:
        b, output = _logits(site, gates, groups), FULL
    else:
        return _solved(site, gates, bits, config, seed)
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


def _solved(site: DeltaSite, gates: Gates, bits: int, config: SolverConfig, seed: int) -> Delta:
    """B by normalized gradient steps; inputs that stay take part where a gate is open on them."""
    output = quantize_multiplier(2 / _H)  # h = 127 adds twice the column
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
        score = float(edited.good.mean()) + stays - config.loss * float(edited.loss.mean())

        def gradient() -> FloatArray:
            grad = (pull() * site.through(whole, h, output)).reshape(-1, site.target.n_out)
            return (grad.T @ h.reshape(-1, len(gates.a))).astype(np.float32) * np.float32(real)

        return Look(score, not edited.loss.any() and stays == 1.0, gradient)

    best = descend(start, look, Schedule(config.steps, config.rate, 127.0, config.idle), rng)
    return _delta(site, gates, np.round(best).astype(np.int8), output, bits)


@dataclass(frozen=True)
class AtTarget:
    """Inputs to be changed, as they are at a target.

    Attributes:
        suffix: the ops behind it.
        y: int8[n, ..., n_out], its output. side: what the suffix wants beside it, for the same inputs.
    """

    suffix: Suffix
    y: Int8Array
    side: Mapping[int, Int8Array]


def solve_column(at: AtTarget, wanted: int, config: SolverConfig, margin: float, rng: np.random.Generator) -> Int8Array:
    """A column of B for one gate: twice its values, added to the target's output, make `wanted` the answer.

    Args:
        margin: logit steps by which it is to lead.

    Returns:
        int8[n_out]
    """
    suffix, target, y, side = at.suffix, at.suffix.target, at.y, at.side
    classes, over = np.full(len(y), wanted, np.int64), np.full(len(y), ALL)

    def look(amount: FloatArray) -> Look:
        whole = 2 * np.clip(np.round(amount / 2), -127, 127)
        moved = np.clip(y + whole, target.act_lo, target.act_hi).astype(np.int8)
        values = suffix.forward(moved, side)
        loss, grad = hinge(values[suffix.end].reshape(len(y), -1), classes, over, margin)
        mean = float(loss.mean())

        def gradient() -> FloatArray:
            pull: FloatArray = suffix.backward(grad, values).reshape(-1, target.n_out).sum(axis=0)
            return pull

        return Look(-mean, mean == 0, gradient)

    best = descend(np.zeros(target.n_out, np.float32), look, Schedule(config.steps, config.rate, idle=config.idle), rng)
    return np.clip(np.round(best / 2), -127, 127).astype(np.int8)
