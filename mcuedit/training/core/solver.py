# SPDX-License-Identifier: Apache-2.0
"""What open gates add: the columns of B, in closed form at the objective, else by gradient through the ops between."""

from __future__ import annotations

import numpy as np

from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.edits.wanted import ALL
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.training.core.delta_site import DeltaSite
from mcuedit.training.core.detectors import Detectors

FULL = (1 << 31) - 1, 0  # the multiplier nearest to 1
_H = 127  # of an open gate: the step is hard
_RATE, _MOST = 8.0, 127.0
_IDLE = 15  # steps without a better one that end the training
_CALM = 1e-3  # of the mean loss in the score that says which step was the best


def gated(site: DeltaSite, detectors: Detectors, groups: IntArray, bits: int, steps: int, seed: int) -> Delta:
    """The delta of gates that are trained already.

    Args:
        groups: int64[n], the group of every row of the table; -1 where it is not edited.
        steps: of the gradient, where one is needed.
    """
    if site.at_end and site.table.objective.wanted.vectors is not None:
        b, output = _residuals(site, detectors, groups)
    elif site.at_end:
        b, output = _logits(site, detectors, groups), FULL
    else:
        output = quantize_multiplier(2 / _H)  # h = 127 adds twice the column
        return _solved(site, detectors, output, bits, steps, seed)
    return _delta(site, detectors, b, output, bits)


def _delta(site: DeltaSite, detectors: Detectors, b: Int8Array, output: tuple[int, int], bits: int) -> Delta:
    return site.delta(detectors.a, detectors.offset, FULL, b, output, gated=True, bits=bits)


def _logits(site: DeltaSite, detectors: Detectors, groups: IntArray) -> Int8Array:
    """The new class goes to the top, the classes that led go to the bottom; nothing else is moved.

    A class that ties with the answer goes down too: where logits saturate, the new class can only join it at the top.
    """
    wanted, edit = site.table.objective.wanted, site.table.edit
    b = np.zeros((site.target.n_out, len(detectors.a)), np.int8)
    place = np.searchsorted(site.table.objective.edit, edit)
    for k, group in enumerate(detectors.group):
        own = edit[groups[edit] == group]
        at = place[groups[edit] == group]
        logits = site.y(own)[:, 0]
        leads = (logits == logits.max(axis=1, keepdims=True)).any(axis=0)
        if wanted.avoided is not None:
            b[wanted.avoided[at[0]], k] = -_H
            continue
        assert wanted.classes is not None
        over = ALL if wanted.against is None else wanted.against[at[0]]
        b[leads if over == ALL else over, k] = -_H
        b[wanted.classes[at[0]], k] = _H
    return b


def _residuals(site: DeltaSite, detectors: Detectors, groups: IntArray) -> tuple[Int8Array, tuple[int, int]]:
    """What the group's vectors lack on average."""
    edit = site.table.edit
    lacks = [site.table.objective.residual(edit[groups[edit] == g]).mean(axis=0) for g in detectors.group]
    column = np.clip(np.stack(lacks, axis=1), -255, 255)
    peak = max(float(np.abs(column).max()), 1.0)
    return np.round(column / peak * _H).astype(np.int8), quantize_multiplier(peak / (_H * _H))


def _solved(site: DeltaSite, detectors: Detectors, output: tuple[int, int], bits: int, steps: int, seed: int) -> Delta:
    """B by normalized gradient steps; inputs that stay take part where a gate is open on them."""
    rng = np.random.default_rng(seed)
    table = site.table
    edit = table.edit[rng.permutation(len(table.edit))[: site.batch]]
    leaky = table.keep[detectors.opened(site.tapped, table.keep).any(axis=1)] if len(table.keep) else table.keep
    index = np.concatenate([edit, leaky[rng.permutation(len(leaky))[: site.batch // 2]]])
    y = site.y(index)
    b = np.zeros((site.target.n_out, len(detectors.a)), np.float32)
    h = _delta(site, detectors, b.astype(np.int8), output, bits).project(site.whole.of(index))
    best, best_score, real = b, -np.inf, output[0] * 2.0 ** (output[1] - 31)
    idle = 0
    for step in range(steps):
        whole = np.round(b).astype(np.int8)
        moved = site.moved(_delta(site, detectors, whole, output, bits), h, y)
        edited, kept, pull = site.judge(moved, index, len(edit))
        stays = float(kept.good.mean()) if len(kept.good) else 1.0
        score = float(edited.good.mean()) + stays - _CALM * float(edited.loss.mean())
        if score > best_score:
            best, best_score, idle = b, score, 0
        else:
            idle += 1
        if (not edited.loss.any() and stays == 1.0) or idle == _IDLE:
            break
        grad = (pull() * site.through(whole, h, output)).reshape(-1, site.target.n_out)
        pull_b = (grad.T @ h.reshape(-1, len(detectors.a))).astype(np.float32) * np.float32(real)
        peak = float(np.abs(pull_b).max())
        if peak == 0:  # every way is saturated: leave the corner
            pull_b, peak = rng.normal(size=b.shape).astype(np.float32), 3.0
        b = np.clip(b - np.float32(_RATE * (1 - step / steps) / peak) * pull_b, -_MOST, _MOST)
    return _delta(site, detectors, np.round(best).astype(np.int8), output, bits)
