# SPDX-License-Identifier: Apache-2.0
"""The inputs that edits are trained on, as rows for the gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcuedit.edits import EditSet, KeepSet, TensorSet
from mcuedit.oracle import Inputs
from mcuedit.training.noise import embellished, jittered, reworded

IntArray = npt.NDArray[np.int64]

NOISY_FIRE = 32  # noisy copies per edit that its gate should open on
NOISY_STAY = 2  # embellished copies of each locality and edit prompt that other gates stay shut on


@dataclass(frozen=True)
class Examples:
    """Inputs and what they are for.

    Attributes:
        inputs: n prompts, or int8[n, *input].
        owner: int64[n], the edit whose gate is to open; -1: no gate is.
        noisy: bool[n], copies: they train the gates but place and certify none.
        stay: bool[n], whether the gates of other edits are to stay shut.
        group: int64[n], wordings of one question.
        names: what to call the clean inputs in messages; n strings, "" for copies.
        classes: int64[edits], the answers wanted.
    """

    inputs: Inputs
    owner: IntArray
    noisy: npt.NDArray[np.bool_]
    stay: npt.NDArray[np.bool_]
    group: IntArray
    names: tuple[str, ...]
    classes: IntArray

    @property
    def clean(self) -> npt.NDArray[np.bool_]:
        """bool[n]: the inputs as the user gave them."""
        return ~self.noisy


@dataclass
class _Table:
    prompts: list[str]
    owner: list[int]
    noisy: list[bool]
    stay: list[bool]
    group: list[int]

    def add(self, prompts: Sequence[str], owner: int, group: int, *, noisy: bool = False, stay: bool = True) -> None:
        self.prompts += prompts
        n = len(prompts)
        self.owner += [owner] * n
        self.noisy += [noisy] * n
        self.stay += [stay] * n
        self.group += [group] * n


def from_text(edits: EditSet, keep: KeepSet, classes: Sequence[int], seed: int) -> Examples:
    """Prompts, locality, keep set and noisy copies; reads nothing else of the edits."""
    rng = np.random.default_rng(seed)
    table = _Table([], [], [], [], [])
    edited = {p for edit in edits.edits for p in edit.prompts}
    locality = list(dict.fromkeys(p for edit in edits.edits for p in edit.locality if p not in edited))
    held = set(locality)
    for i, edit in enumerate(edits.edits):
        table.add(edit.prompts, i, i)
        table.add([embellished(p, rng) for p in edit.prompts for _ in range(NOISY_STAY)], i, -1, noisy=True)
        copies = [edit.prompts[k % len(edit.prompts)] for k in range(NOISY_FIRE)]
        table.add([reworded(p, edit.subject, rng) for p in copies], i, -1, noisy=True, stay=False)
    for prompt, line in zip(keep.prompts, keep.lines, strict=True):
        if prompt not in held:
            table.add([prompt], -1, len(edits.edits) + line)
    table.add(locality, -1, -1)
    table.add([embellished(p, rng) for p in locality for _ in range(NOISY_STAY)], -1, -1, noisy=True)
    noisy = np.array(table.noisy)
    names = tuple("" if n else p for p, n in zip(table.prompts, noisy, strict=True))
    group = np.array(table.group, np.int64)
    alone = group < 0
    group[alone] = group.max() + 1 + np.arange(alone.sum())
    return Examples(
        table.prompts,
        np.array(table.owner, np.int64),
        noisy,
        np.array(table.stay),
        group,
        names,
        np.array(classes, np.int64),
    )


def from_tensors(data: TensorSet, seed: int) -> Examples:
    """One edit per class wanted: its inputs and jittered copies against the keep set and the other edits."""
    rng = np.random.default_rng(seed)
    classes, owner = np.unique(data.y, return_inverse=True)
    copies = jittered(data.x, rng)
    n, k = len(data.x), len(data.keep)
    owners = np.concatenate([owner, owner, np.full(k, -1)]).astype(np.int64)
    noisy = np.concatenate([np.zeros(n, bool), np.ones(n, bool), np.zeros(k, bool)])
    names = (*(f"x[{i}]" for i in range(n)), *[""] * n, *(f"keep[{i}]" for i in range(k)))
    group = np.concatenate([np.arange(n), np.arange(n), n + np.arange(k)])
    return Examples(
        np.concatenate([data.x, copies, data.keep]), owners, noisy, ~noisy | (owners >= 0), group, names, classes
    )
