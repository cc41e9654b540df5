# SPDX-License-Identifier: Apache-2.0
"""Rehearses edits on the keep set to find the best tap.

Some of its questions play edits: gates are trained on half of their wordings against other questions, and tried on the
other half and on questions that took no part. That says how well a layer tells one question from all others, and it
says so before any real edit is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit.edits import Edit, EditSet, KeepSet, bag_of_words
from mcuedit.fixedpoint import dot
from mcuedit.oracle import Reader
from mcuedit.training import examples, gated
from mcuedit.training.placement import Candidate

PLAYERS, OTHERS = 24, 160  # questions that play edits; questions that they are told from, and as many unseen ones
_WORDINGS = 4  # a question needs that many to play


def rehearse(
    reader: Reader, keep: KeepSet, pairs: Sequence[tuple[int, int]], bits: int, place: float, seed: int
) -> tuple[Candidate, ...]:
    """Tries each pair; the best comes first.

    Returns:
        The pairs with their figures, or nothing when the keep set has too few questions in several wordings.
    """
    questions: dict[int, list[str]] = {}
    for prompt, line in zip(keep.prompts, keep.lines, strict=True):
        questions.setdefault(line, []).append(prompt)
    rng = np.random.default_rng(seed)
    able = [wordings for wordings in questions.values() if len(wordings) >= _WORDINGS]
    if len(able) < 2 * PLAYERS:
        return ()
    able = [able[i] for i in rng.permutation(len(able))]
    players, rest = able[:PLAYERS], able[PLAYERS:]
    others, unseen = rest[: len(rest) // 2][:OTHERS], rest[len(rest) // 2 :][:OTHERS]
    table, tests = _play(players, others, seed, rng)
    strangers = [prompt for wordings in unseen for prompt in wordings]
    found = []
    for tap, target in pairs:
        model = reader.base.model
        tensor = model.ops[tap].inputs[0]

        def rows(inputs: Sequence[str], tensor: int = tensor) -> np.ndarray:
            return reader(inputs)[tensor].reshape(len(inputs), -1)

        gates = gated.train(table, rows(list(table.inputs)), bits)
        offsets = gates.offsets(place)
        opened = [(dot(rows(p), a[None])[:, 0] + c > 0).mean() for p, a, c in zip(tests, gates.a, offsets, strict=True)]
        shut = 1 - (dot(rows(strangers), gates.a) + offsets > 0).any(axis=1).mean()
        size = PLAYERS * gated.factor_bytes(gates.a.shape[1], bits)
        separable = int(gates.separate.sum())
        found.append(Candidate(tap, target, PLAYERS, size, float(np.mean(opened)), float(shut), separable))
    return tuple(sorted(found, key=lambda c: c.score, reverse=True))


def _play(
    players: Sequence[list[str]], others: Sequence[list[str]], seed: int, rng: np.random.Generator
) -> tuple[examples.Examples, list[list[str]]]:
    """Examples with half of the players' wordings as edits, and the other half of each."""
    edits, tests = [], []
    for wordings in players:
        shuffled = [wordings[i] for i in rng.permutation(len(wordings))]
        half = len(shuffled) // 2
        common = set.intersection(*(set(bag_of_words(w)) for w in wordings))  # the subject, as a rule
        edits.append(Edit(b" ".join(sorted(common)).decode("utf-8", "replace"), tuple(shuffled[:half]), ""))
        tests.append(shuffled[half:])
    lines = [(prompt, i) for i, wordings in enumerate(others) for prompt in wordings]
    keep = KeepSet(tuple(p for p, _ in lines), tuple(i for _, i in lines))
    return examples.from_text(EditSet(tuple(edits)), keep, [0] * len(edits), seed), tests
