# SPDX-License-Identifier: Apache-2.0
"""The same edit with fewer bytes of A, where a wide tap makes it larger than was promised.

A in 4 bits comes first if that is enough. Else a window of 4 bits is tried at the places where the gates get most of
what they tell by: a window that leaves out what says little often opens on less of what must stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import FloatArray
from mcuedit.adapter.delta import WINDOW_BYTES, Delta
from mcuedit.training.core.candidate import Candidate
from mcuedit.training.factors.tensor_factors import Form, Made
from mcuedit.training.placement.trials import Trials


@dataclass(frozen=True)
class NarrowingConfig:
    """When and how a delta is made smaller.

    Attributes:
        promised: bytes of factors up to which nothing is done.
        bound: times what may be computed, the first training included.
        windows: how many are tried. grid: elements between their starts. least: elements of the narrowest.
    """

    promised: int = 400
    bound: float = 2.0
    windows: int = 3
    grid: int = 8
    least: int = 32


def narrowed(trials: Trials, made: Made, candidate: Candidate, config: NarrowingConfig) -> Made:
    """What was made, or the same in a form that is smaller and does as well on inputs held back and on all."""
    pair, whole = candidate.pair, trials.factors.form
    if trials.bits is not None or made.delta.factor_bytes <= config.promised or not trials.affords(pair, config.bound):
        return made
    wide = trials.tried(candidate)
    for forms in _forms(made.delta, trials.spread(pair), config):
        tried = []
        for form in forms:
            trials.factors.form = form
            tried.append((trials.trial(candidate), form))
        for narrow, form in sorted(tried, key=lambda t: t[0].score, reverse=True)[:1]:
            if not narrow.does_as(wide) or not trials.affords(pair, config.bound):
                continue
            trials.factors.form = form
            other = trials.final(pair)
            if other.does_as(made) and other.delta.factor_bytes < made.delta.factor_bytes:
                return other
    trials.factors.form = whole
    return made


def _forms(delta: Delta, spread: FloatArray | None, config: NarrowingConfig) -> Iterator[list[Form]]:
    """Forms that may take its place; of those in one list the best is taken.

    Args:
        spread: float32[n_in], how much the elements at the tap vary; None where windows are not for it.
    """
    a_bytes = delta.a.size
    rest = delta.factor_bytes - a_bytes
    if spread is not None and rest + a_bytes // 2 > config.promised:
        width = 2 * ((config.promised - rest) // delta.rank - WINDOW_BYTES) // config.grid * config.grid
        if config.least <= width < delta.a.shape[1]:
            yield [Form(4, slice(first, first + width)) for first in _starts(delta, spread, width, config)]
    if a_bytes // 2 >= delta.factor_bytes // 4:
        yield [Form(4)]


def _starts(delta: Delta, spread: FloatArray, width: int, config: NarrowingConfig) -> list[int]:
    """Where windows hold most of what moves the gates, the best first; they overlap by half at most."""
    sums = np.concatenate([[0.0], np.cumsum(np.abs(delta.a.astype(np.float32)).sum(axis=0) * spread)])
    starts = np.arange(0, len(sums) - width, config.grid)
    held, chosen = sums[starts + width] - sums[starts], list[int]()
    for at in starts[np.argsort(-held, kind="stable")].tolist():
        if len(chosen) < config.windows and all(abs(at - other) >= width // 2 for other in chosen):
            chosen.append(at)
    return chosen
