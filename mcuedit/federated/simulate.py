# SPDX-License-Identifier: Apache-2.0
"""A fleet that learns together, simulated: every client has its own facts, and the server sees sums.

No framework orchestrates this: Flower's simulation would start a Ray cluster to call one function per client.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.edits import Edit
from mcuedit.federated import secure
from mcuedit.training.factors.frozen_a import Margins, Masters, gradient, margins

BY_SUBJECT, BY_RELATION = "subject", "relation"


@dataclass(frozen=True)
class Example:
    """A prompt and the class that it is to get: the client's own correction, or the base's answer confirmed."""

    prompt: str
    wanted: int


@dataclass(frozen=True)
class Part:
    """What one client has in a round: the delta as of then, its examples, and the twin's gradient of them."""

    delta: Delta
    examples: Sequence[Example]
    gradient: IntArray


@dataclass(frozen=True)
class Rounds:
    """How the fleet trains.

    Attributes:
        examples: that a client takes in a round, at most.
        dropouts: share of the clients that do not answer in a round.
        clip: L2 norm of a client's sum; None: as it is. sigma: standard deviation of the noise on the sum.
        secure: in so many rounds the sum is taken by secure aggregation, too, and compared.
    """

    count: int = 100
    examples: int = 32
    dropouts: float = 0.1
    clip: int | None = None
    sigma: int = 0
    secure: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        bytes_up: that a client sends in a round.
        compared, differing: integers of secure sums compared with plain ones in another order, and those that differ.
        epsilon, delta: of a client's whole data, all of its rounds; None without noise.
    """

    adapter: Adapter
    clients: int
    rounds: int
    dropped: int
    bytes_up: int
    compared: int
    differing: int
    epsilon: float | None
    delta: float | None
    seconds: float


Read = Callable[[Sequence[str]], tuple[Int8Array, Int8Array]]
"""Tap inputs and logits of prompts by the untouched base: int8[n, n_in], int8[n, classes]."""


@dataclass(frozen=True)
class Fleet:
    """Clients of one base.

    Attributes:
        base_sha256: of the base's .tflite.
        clients: the examples of each.
        labels: names of spare classes that come into use.
    """

    base_sha256: str
    clients: Sequence[Sequence[Example]]
    read: Read
    labels: dict[int, str]


def clients(facts: Sequence[Edit], wanted: Sequence[int], by: str, count: int | None, seed: int) -> list[list[Example]]:
    """Each client's examples.

    Args:
        facts: with their prompts; wanted: the class of each.
        by: BY_SUBJECT, a client for every subject; or BY_RELATION, `count` clients with one fact each, drawn with
            replacement.

    Raises:
        McueditError: no such way.
    """
    each = [[Example(p, w) for p in f.prompts] for f, w in zip(facts, wanted, strict=True)]
    if by == BY_SUBJECT:
        owned: dict[str, list[Example]] = {}
        for fact, examples in zip(facts, each, strict=True):
            owned.setdefault(fact.subject, []).extend(examples)
        return list(owned.values())
    if by != BY_RELATION:
        raise McueditError(f"clients by {by!r}", f"{BY_SUBJECT} or {BY_RELATION}")
    draws = np.random.default_rng(seed).integers(len(each), size=count or len(each))
    return [each[i] for i in draws]


def simulate(
    fleet: Fleet,
    start: Delta,
    rounds: Rounds,
    watch: Callable[[int, Sequence[Part]], None] = lambda number, parts: None,
    advance: Callable[[int], None] = lambda n: None,
) -> Outcome:
    """Trains B over the fleet.

    Args:
        start: from `shared_delta`.
        watch: sees what every client that answers computes, in the order of clients.

    Raises:
        McueditError: as `secure.total`.
    """
    began, owned = time.perf_counter(), fleet.clients
    rng, noise = np.random.default_rng(rounds.seed), privacy.seeded_bits(rounds.seed)
    server, compared, differing, dropped = Masters(start, rounds.count), 0, 0, 0
    every = list(dict.fromkeys(e.prompt for examples in owned for e in examples))
    row = {prompt: i for i, prompt in enumerate(every)}
    tapped, logits = fleet.read(every)
    h = start.project(tapped)  # A is frozen
    for number in range(rounds.count):
        answering = np.flatnonzero(rng.random(len(owned)) >= rounds.dropouts).tolist()
        dropped += len(owned) - len(answering)
        chosen = {i: [owned[i][j] for j in rng.permutation(len(owned[i]))[: rounds.examples]] for i in answering}
        parts = _parts(server.delta, chosen, row, h, logits)
        watch(number, [parts[i] for i in answering])
        sums = {i: _sent(part.gradient, rounds.clip) for i, part in parts.items()}
        plain = np.add.reduce(list(sums.values())) if sums else np.zeros(start.b.shape, np.int64)
        if number < rounds.secure and sums:
            members = secure.group(len(owned))
            flat = {i: s.ravel() for i, s in reversed(sums.items())}
            secret = secure.total([secure.Client(i, members) for i in range(len(owned))], flat, members, number)
            compared, differing = compared + plain.size, differing + int((secret != plain.ravel()).sum())
        if rounds.sigma:
            plain = plain + privacy.discrete_gaussians(noise, rounds.sigma, plain.size).reshape(plain.shape)
        server.step(number, plain)
        advance(1)
    info = {"federated": {"clients": len(owned)}}
    made = Adapter("federated", "1.0.0", fleet.base_sha256, (server.delta,), fleet.labels, info)
    return Outcome(
        made,
        len(owned),
        rounds.count,
        dropped,
        4 * start.b.size,
        compared,
        differing,
        *_given_away(rounds, len(owned)),
        time.perf_counter() - began,
    )


def _parts(
    delta: Delta, chosen: Mapping[int, Sequence[Example]], row: Mapping[str, int], h: IntArray, logits: Int8Array
) -> dict[int, Part]:
    """What each client computes, all at once: the result is that of each alone."""
    at = np.array([row[e.prompt] for examples in chosen.values() for e in examples], np.int64)
    wanted = np.array([e.wanted for examples in chosen.values() for e in examples], np.int64)
    leads, parts, start = margins(delta, h[at], logits[at], wanted), {}, 0
    for i, examples in chosen.items():
        own = slice(start, start + len(examples))
        heard = Margins(leads.wanted[own], leads.top[own], leads.late[own])
        parts[i] = Part(delta, examples, gradient(delta, h[at[own]], heard))
        start += len(examples)
    return parts


def _sent(total: IntArray, clip: int | None) -> IntArray:
    return total if clip is None else privacy.clip(total.ravel(), clip).reshape(total.shape)


def _given_away(rounds: Rounds, n: int) -> tuple[float | None, float | None]:
    """Epsilon and delta of a client, as if it answered in every round.

    Who is silent is seen by the server, with masks too: that is no secret sampling, and amplifies nothing.
    """
    if not rounds.sigma or rounds.clip is None:
        return None, None
    delta = privacy.level(n)
    return privacy.epsilon(privacy.Schedule(rounds.sigma, rounds.clip, rounds.count, 1.0), delta), delta
