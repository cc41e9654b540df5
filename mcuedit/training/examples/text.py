# SPDX-License-Identifier: Apache-2.0
"""The inputs that edits of text are trained on, and what each is for."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mcuedit._util.typing import BoolArray, IntArray
from mcuedit.edits import EditSet, KeepSet
from mcuedit.model.oracle import Inputs
from mcuedit.training.examples.noise import blended, embellished, reworded


@dataclass(frozen=True)
class NoiseConfig:
    """How many noisy copies gates are trained on.

    Attributes:
        fire: copies of each edit's prompts that its gate should open on.
        stay: embellished copies of each locality and edit prompt that other gates stay shut on.
        keep: embellished copies of keep prompts, of all of them together.
    """

    fire: int = 32
    stay: int = 2
    keep: int = 4096


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
    noisy: BoolArray
    stay: BoolArray
    group: IntArray
    names: tuple[str, ...]
    classes: IntArray

    @property
    def clean(self) -> BoolArray:
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


def from_text(edits: EditSet, keep: KeepSet, classes: Sequence[int], config: NoiseConfig, seed: int) -> Examples:
    """Prompts, locality, keep set and noisy copies; reads nothing else of the edits.

    The noise of a prompt depends on that prompt and the seed alone, so that it is the same beside any other edits.
    """
    table = _Table([], [], [], [], [])
    edited = {p for edit in edits.edits for p in edit.prompts}
    locality = list(dict.fromkeys(p for edit in edits.edits for p in edit.locality if p not in edited))
    held = set(locality)
    for i, edit in enumerate(edits.edits):
        table.add(edit.prompts, i, i)
        table.add(_embellished(edit.prompts, config.stay, seed), i, -1, noisy=True)
        each = -(-config.fire // len(edit.prompts))
        copies = [reworded(p, edit.subject, rng) for p in edit.prompts for rng in [_rng(p, seed)] for _ in range(each)]
        table.add(copies, i, -1, noisy=True, stay=False)
    kept = [(p, line) for p, line in zip(keep.prompts, keep.lines, strict=True) if p not in held]
    for prompt, line in kept:
        table.add([prompt], -1, len(edits.edits) + line)
    share = config.keep / max(len(kept), 1)
    table.add([c for p, _ in kept if _draw(p, seed) < share for c in _embellished([p], 1, seed)], -1, -1, noisy=True)
    table.add(locality, -1, -1)
    table.add(_embellished(locality, config.stay, seed), -1, -1, noisy=True)
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


def blends(keep: KeepSet, count: int, seed: int) -> list[str]:
    """About `count` new wordings of the questions of a keep set, each from two wordings on one of its lines."""
    wordings: dict[int, list[str]] = {}
    for prompt, line in zip(keep.prompts, keep.lines, strict=True):
        wordings.setdefault(line, []).append(prompt)
    found = []
    for prompts in wordings.values():
        rng = _rng(prompts[0], seed)
        for _ in range(-(-count // len(wordings))):
            one, other = rng.integers(len(prompts), size=2)
            found.append(blended(prompts[one], prompts[other], rng))
    return found


def _rng(prompt: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(prompt.encode("utf-8", "surrogateescape"))])


def _draw(prompt: str, seed: int) -> float:
    """In [0, 1), as good as random."""
    return zlib.crc32(prompt.encode("utf-8", "surrogateescape"), seed) / (1 << 32)


def _embellished(prompts: Sequence[str], count: int, seed: int) -> list[str]:
    return [copy for p in prompts for copy in _copies(p, count, seed)]


@lru_cache(1 << 16)  # the keep set's are the same for every edit
def _copies(prompt: str, count: int, seed: int) -> tuple[str, ...]:
    rng = _rng(prompt, seed)
    return tuple(embellished(prompt, rng) for _ in range(count))
