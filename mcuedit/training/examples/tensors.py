# SPDX-License-Identifier: Apache-2.0
"""The examples that edits of tensors are trained on, traced once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mcuedit._util.typing import IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, answers, flow, with_deltas
from mcuedit.edits import TensorSet, ToVector
from mcuedit.model.oracle import Reader
from mcuedit.training.core.delta_site import Table
from mcuedit.training.core.objective import Objective, ObjectiveConfig, end_tensor
from mcuedit.training.examples.noise import jittered
from mcuedit.training.work import Work


@dataclass(frozen=True)
class TableConfig:
    """Which inputs training looks at.

    Attributes:
        edits, keep: at most so many inputs; of more, a random choice. bytes: of activations of all of them.
        copies: noisy copies in all, where the edits are fewer. jitter: their noise, in quantization steps.
        held: of so many inputs one is held back in a trial. few: of fewer none is.
        objective: what they are to become.
    """

    edits: int = 512
    keep: int = 1536
    bytes: int = 1 << 29
    copies: int = 48
    jitter: float = 2.0
    held: int = 3
    few: int = 6
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)


class TensorTable:
    """Edited inputs, noisy copies of them, and inputs to be kept.

    Attributes:
        all: every example in use.
        groups: int64[n], which edits want the same, by sample; -1 where nothing is wanted.
        kinds: int64[n], the class that each sample has today.
        inputs: how many edited inputs take part.
        notes: what was left out.
    """

    def __init__(
        self,
        reader: Reader,
        data: TensorSet,
        context: Sequence[Delta],
        config: TableConfig,
        seed: int,
        work: Work | None = None,
    ) -> None:
        self.model, self._config = reader.base.model, config
        self.seed, self.context = seed, context
        rng = np.random.default_rng(seed)
        size = sum(self.model.tensors[t].size for t in flow(self.model, 0))
        most = max(64, config.bytes // size)
        edit = _choice(len(data.x), min(config.edits, most // 3), rng)
        keep = _choice(len(data.keep), min(config.keep, most - 2 * len(edit)), rng)
        self.notes = tuple(
            f"{data.source}: training looks at {len(some)} of {count} {what}, drawn by the seed"
            for some, count, what in ((edit, len(data.x), "edits"), (keep, len(data.keep), "keep inputs"))
            if len(some) < count
        )
        self.inputs = n = len(edit)
        again = -(-config.copies // n)
        copied = np.tile(edit, again)
        copies, fresh = (jittered(data.x[copied], rng, config.jitter) for _ in range(2))
        x = np.concatenate([data.x[edit], copies, fresh, data.keep[keep]])
        now = with_deltas(self.model, context, Trace(reader(x)))
        start = np.cumsum([0, n, len(copied), len(copied), len(keep)])
        self._own, self._copies, self._fresh, self._keep = (np.arange(*ends) for ends in pairwise(start))
        wanted = data.wanted.take(np.concatenate([edit, copied, copied]))
        before = now.values[end_tensor(self.model, wanted)].reshape(len(x), -1)
        objective = Objective(self.model, wanted, np.arange(start[3]), before, config.objective)
        self.groups = np.concatenate([wanted.groups(), np.full(len(keep), -1)])
        self.kinds = np.zeros(len(x), np.int64) if isinstance(wanted, ToVector) else answers(before)
        self.names = [wanted.name(g) for g in range(int(wanted.groups().max()) + 1)]
        self.all = Table(
            self.model, now, objective, np.concatenate([self._own, self._copies]), self._keep, work or Work()
        )

    @property
    def own(self) -> IntArray:
        """The edited inputs themselves."""
        return self._own

    def split(self) -> tuple[Table, Table]:
        """What a trial trains on, and what it is judged by: inputs held back, or fresh copies where there are few."""
        rng = np.random.default_rng(self.seed)
        keep = rng.permutation(self._keep)
        aside = len(keep) // self._config.held if len(keep) >= self._config.few else 0
        if self.inputs < self._config.few:
            fit, test = self.all.edit, self._fresh
        else:
            held = rng.permutation(self.inputs)[: self.inputs // self._config.held]
            mine = np.isin(np.arange(len(self.all.edit)) % self.inputs, held)
            fit, test = self.all.edit[~mine], np.concatenate([self._own[held], self._fresh[held]])
        kept = np.sort(keep[:aside]) if aside else self._keep
        return self.all.part(fit, np.sort(keep[aside:])), self.all.part(test, kept)


def _choice(count: int, most: int, rng: np.random.Generator) -> IntArray:
    if count <= most:
        return np.arange(count)
    return np.sort(rng.permutation(count)[:most])
