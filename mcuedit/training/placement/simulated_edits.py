# SPDX-License-Identifier: Apache-2.0
"""Simulates edits on the keep set to find the best tap.

Some of its questions play edits: gates are trained on half of their wordings, those that are most alike, against other
questions. They are tried on the other half, which has few words in common with the first, and on questions that took no
part. That says how well a layer tells one question from all others, and it says so before any real edit is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcuedit.edits import Edit, EditSet, KeepSet, bag_of_words
from mcuedit.model.fixedpoint import dot
from mcuedit.model.oracle import Reader
from mcuedit.training.core.candidate import Candidate, Tried
from mcuedit.training.examples import text
from mcuedit.training.examples.noise import reworded
from mcuedit.training.factors import gated

PLAYERS, OTHERS, UNSEEN = 32, 200, 120  # questions that play edits, that they are told from, that take no part
GARBLED = 0.5  # share of the words of a test wording that are dropped or unheard of
_WORDINGS = 4  # a question needs that many to play


def rank_by_simulated_edits(
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
    subjects = set().union(*map(_common, players))
    akin = [wordings for wordings in rest if subjects & _common(wordings)]  # as a locality list would name them
    rest = [wordings for wordings in rest if not subjects & _common(wordings)]
    unseen = rest[: min(UNSEEN, len(rest) // 3)]
    others = rest[len(unseen) :][:OTHERS]
    table, tests, near = _play(players, akin, others, seed, rng)
    strangers = [prompt for wordings in unseen for prompt in wordings]
    found = []
    for tap, target in pairs:
        model = reader.base.model
        tensor = model.ops[tap].inputs[0]

        def rows(inputs: Sequence[str], tensor: int = tensor) -> np.ndarray:
            return reader(inputs)[tensor].reshape(len(inputs), -1)

        gates = gated.train(table, rows(list(table.inputs)), bits, place)
        offsets = gates.offset
        opened = [(dot(rows(p), a[None])[:, 0] + c > 0).mean() for p, a, c in zip(tests, gates.a, offsets, strict=True)]
        shut = 1 - (dot(rows(strangers), gates.a) + offsets > 0).any(axis=1).mean()
        close = 1 - (dot(rows(near), gates.a) + offsets > 0).any(axis=1).mean() if near else 1.0
        size = PLAYERS * gated.factor_bytes(gates.a.shape[1], bits)
        separable = int(gates.separate.sum())
        seen = Tried(float(np.mean(opened)), float(shut), float(close))
        found.append(Candidate(tap, target, PLAYERS, size, seen, separable))
    return tuple(sorted(found, key=lambda c: c.score, reverse=True))


def _play(
    players: Sequence[list[str]],
    akin: Sequence[list[str]],
    others: Sequence[list[str]],
    seed: int,
    rng: np.random.Generator,
) -> tuple[text.Examples, list[list[str]], list[str]]:
    """Examples with half of the players' wordings as edits; garbled copies of the other half, by player and of akin."""
    edits, tests = [], []
    for wordings in players:
        alike, rest, subject = _split(wordings, rng)
        edits.append(Edit(subject, tuple(alike), ""))
        tests.append([reworded(w, subject, rng, GARBLED) for w in rest])
    lines = [(prompt, i) for i, wordings in enumerate(others) for prompt in wordings]
    near = []
    for i, wordings in enumerate(akin):
        alike, rest, subject = _split(wordings, rng)
        lines += [(prompt, len(others) + i) for prompt in alike]
        near += [reworded(w, subject, rng, GARBLED) for w in rest]
    keep = KeepSet(tuple(p for p, _ in lines), tuple(i for _, i in lines))
    return text.from_text(EditSet(tuple(edits)), keep, [0] * len(edits), seed), tests, near


def _split(wordings: Sequence[str], rng: np.random.Generator) -> tuple[list[str], list[str], str]:
    """The half that is most alike, the other half, and the subject."""
    first = set(bag_of_words(wordings[int(rng.integers(len(wordings)))]))
    alike = sorted(wordings, key=lambda w: _overlap(first, set(bag_of_words(w))), reverse=True)
    subject = b" ".join(sorted(_common(wordings))).decode("utf-8", "replace")
    return alike[: len(alike) // 2], alike[len(alike) // 2 :], subject


def _common(wordings: Sequence[str]) -> set[bytes]:
    """The words that all wordings share: those of the subject, as a rule."""
    return set.intersection(*(set(bag_of_words(w)) for w in wordings))


def _overlap(a: set[bytes], b: set[bytes]) -> float:
    return len(a & b) / len(a | b)
