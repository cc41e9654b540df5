# SPDX-License-Identifier: Apache-2.0
"""Edit sets for the base `words`, drawn by a seed: a new keyword, or one speaker's way of saying a known one.

What is kept comes from voices that the base was trained with; voices that it never heard only serve to measure.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.zoo.words import data
from mcuedit.zoo.words.speech import Recordings

Arrays = dict[str, npt.NDArray[Any]]

KINDS = ("keyword", "speaker")
_LEAST = 4  # recordings of one speaker that are left to measure with


def files(folder: Path, kind: str | None, count: int, seed: int) -> dict[str, str | bytes]:
    """edits.npz for the base."""
    file, arrays = io.BytesIO(), draw(kind or KINDS[0], count, seed)
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return {"edits.npz": file.getvalue()}


def draw(kind: str, count: int, seed: int) -> Arrays:
    """Arrays as `load_tensors` takes them.

    Args:
        kind: "keyword": a new word, by as many voices, for the first spare class; "speaker": the voice that the base
            misunderstands most, and the command it misunderstands, in so many recordings.
        count: recordings to train on; all others of that kind are held out.

    Raises:
        McueditError: there are no such edits, or too few recordings.
    """
    if kind not in KINDS:
        raise McueditError(f"no edits of kind {kind!r} for words", f"there are: {', '.join(KINDS)}")
    (train, test), rng = data.load(), np.random.default_rng(seed)
    drawn, held, wanted = (_keyword if kind == "keyword" else _speaker)(train, test, count, rng)
    keep, keep_test = (some.of(np.isin(some.words, data.COMMANDS)) for some in (train, test))
    if kind == "speaker":  # that voice saying other commands must stay, as all others
        keep_test = keep_test.of((keep_test.speakers != held.speakers[0]) | (keep_test.words != held.words[0]))
    y, y_test = (np.full(len(some), wanted, np.int64) for some in (drawn, held))
    return {"x": drawn.x, "y": y, "x_test": held.x, "y_test": y_test, "keep": keep.x, "keep_test": keep_test.x}


def _keyword(
    train: Recordings, test: Recordings, count: int, rng: np.random.Generator
) -> tuple[Recordings, Recordings, int]:
    new = np.setdiff1d(np.unique(train.words), data.COMMANDS)
    word = rng.choice(new)
    said = train.of(train.words == word)
    if count > len(said):
        raise McueditError(f"{count} recordings, there are {len(said)} of {word!r}", "a smaller --count")
    return said.of(rng.permutation(len(said))[:count]), test.of(test.words == word), data.FIRST_SPARE


def _speaker(
    train: Recordings, test: Recordings, count: int, rng: np.random.Generator
) -> tuple[Recordings, Recordings, int]:
    said = test.of(np.isin(test.words, data.COMMANDS))
    model = bases.load(data.DATA).model
    logits = logits_tensor(model)
    classes = np.array([data.COMMANDS.index(str(word)) for word in said.words])
    wrong = answers(best_oracle(model).activations(said.x, [logits])[logits].reshape(len(said), -1)) != classes
    best, found = 0, None
    for speaker in np.unique(said.speakers):
        for word in np.unique(said.words):
            own = (said.speakers == speaker) & (said.words == word)
            if own.sum() >= count + _LEAST and wrong[own].sum() > best:
                best, found = int(wrong[own].sum()), own
    if found is None:
        raise McueditError(f"no voice has {count + _LEAST} recordings of a command", "a smaller --count")
    order = rng.permutation(np.flatnonzero(found))
    return said.of(order[:count]), said.of(order[count:]), int(classes[order[0]])
