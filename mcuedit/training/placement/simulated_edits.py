# SPDX-License-Identifier: Apache-2.0
"""Simulates edits on the keep set to find the best tap.

Some of its questions play edits: gates are trained on half of their wordings, those that are most alike, against other
questions. They are tried on the other half, which has few words in common with the first, and on questions that took no
part. That says how well a layer tells one question from all others, and it says so before any real edit is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mcuedit.edits import Edit, EditSet, KeepSet, bag_of_words
from mcuedit.model.adaptable import tap_tensor
from mcuedit.model.fixedpoint import dot
from mcuedit.model.oracle import Reader
from mcuedit.training.core.candidate import Candidate, ScoreConfig, Tried
from mcuedit.training.core.gate_trainer import GateConfig
from mcuedit.training.examples import text
from mcuedit.training.examples.noise import reworded
from mcuedit.training.factors import gated
from mcuedit.training.options import Options


@dataclass(frozen=True)
class SimulationConfig:
    """How edits are simulated.

    Attributes:
        players, others, unseen: questions that play edits, that they are told from, that take no part.
        wordings: a question needs that many to play.
        garbled: share of the words of a test wording that are dropped or unheard of.
        noise: copies that the players' gates are trained on. gates: how these are trained.
        score: by what places are compared.
    """

    players: int = 32
    others: int = 200
    unseen: int = 120
    wordings: int = 4
    garbled: float = 0.5
    noise: text.NoiseConfig = field(default_factory=text.NoiseConfig)
    gates: GateConfig = field(default_factory=GateConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)


def rank_by_simulated_edits(
    reader: Reader,
    keep: KeepSet,
    pairs: Sequence[tuple[int, int]],
    options: Options,
    config: SimulationConfig,
) -> tuple[Candidate, ...]:
    """Tries each pair; the best comes first.

    Returns:
        The pairs with their figures, or nothing when the keep set has too few questions in several wordings.
    """
    questions: dict[int, list[str]] = {}
    for prompt, line in zip(keep.prompts, keep.lines, strict=True):
        questions.setdefault(line, []).append(prompt)
    rng = np.random.default_rng(options.seed)
    able = [wordings for wordings in questions.values() if len(wordings) >= config.wordings]
    if len(able) < 2 * config.players:
        return ()
    able = [able[i] for i in rng.permutation(len(able))]
    players, rest = able[: config.players], able[config.players :]
    subjects = set().union(*map(_common, players))
    akin = [wordings for wordings in rest if subjects & _common(wordings)]  # as a locality list would name them
    rest = [wordings for wordings in rest if not subjects & _common(wordings)]
    unseen = rest[: min(config.unseen, len(rest) // 3)]
    others = rest[len(unseen) :][: config.others]
    table, tests, near = _play(players, akin, others, config, rng, options.seed)
    strangers = [prompt for wordings in unseen for prompt in wordings]
    found = []
    for tap, target in pairs:
        model = reader.base.model
        tensor = tap_tensor(model, tap)

        def tapped(inputs: Sequence[str], tensor: int = tensor) -> np.ndarray:
            return reader(inputs)[tensor].reshape(len(inputs), -1)

        gates = gated.train(table, tapped(list(table.inputs)), options, config.gates)
        offsets = gates.offset
        each = zip(tests, gates.a, offsets, strict=True)
        opened = [(dot(tapped(prompts), a[None])[:, 0] + c > 0).mean() for prompts, a, c in each]
        shut = 1 - (dot(tapped(strangers), gates.a) + offsets > 0).any(axis=1).mean()
        close = 1 - (dot(tapped(near), gates.a) + offsets > 0).any(axis=1).mean() if near else 1.0
        size = config.players * gated.factor_bytes(gates.a.shape[1], options.width)
        separable = int(gates.separate.sum())
        seen = Tried(float(np.mean(opened)), float(shut), float(close))
        found.append(Candidate(tap, target, config.players, size, seen, separable, weights=config.score))
    return tuple(sorted(found, key=lambda c: c.score, reverse=True))


def _play(
    players: Sequence[list[str]],
    akin: Sequence[list[str]],
    others: Sequence[list[str]],
    config: SimulationConfig,
    rng: np.random.Generator,
    seed: int,
) -> tuple[text.Examples, list[list[str]], list[str]]:
    """Examples with half of the players' wordings as edits; garbled copies of the other half, by player and of akin."""
    edits, tests = [], []
    for wordings in players:
        alike, rest, subject = _split(wordings, rng)
        edits.append(Edit(subject, tuple(alike), ""))
        tests.append([reworded(w, subject, rng, config.garbled) for w in rest])
    lines = [(prompt, i) for i, wordings in enumerate(others) for prompt in wordings]
    near = []
    for i, wordings in enumerate(akin):
        alike, rest, subject = _split(wordings, rng)
        lines += [(prompt, len(others) + i) for prompt in alike]
        near += [reworded(w, subject, rng, config.garbled) for w in rest]
    keep = KeepSet(tuple(p for p, _ in lines), tuple(i for _, i in lines))
    return text.from_text(EditSet(tuple(edits)), keep, [0] * len(edits), config.noise, seed), tests, near


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
