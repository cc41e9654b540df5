# SPDX-License-Identifier: Apache-2.0
"""The smallest training method: it trains nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit.adapter.delta import Adapter
from mcuedit.training import Edited, Options, Problem


@dataclass(frozen=True)
class Config(Options):
    """Of the toy.

    Attributes:
        note: what it says.
    """

    note: str = "nothing was trained"


def fit(problem: Problem, config: Config) -> Edited:
    """An adapter without deltas."""
    edits, keep, base = problem.text.edits, problem.text.keep, problem.reader.base
    adapter = Adapter(config.name, config.version, base.model.sha256, (), {}, {})
    return Edited(adapter, edits, keep, np.zeros(len(edits.edits), np.int64), (config.note,))
