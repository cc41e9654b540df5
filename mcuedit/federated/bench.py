# SPDX-License-Identifier: Apache-2.0
"""A whole federated training of text edits, measured as `mcuedit eval` measures adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.forward import logits_tensor
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import Edit, EditSet, KeepSet, check_edits, resolve_answers
from mcuedit.evaluation.metrics import Metrics
from mcuedit.federated.devices import Devices
from mcuedit.federated.simulate import Outcome, Rounds, clients, simulate
from mcuedit.model.oracle import Reader
from mcuedit.training.core.gate_trainer import WhiteningConfig, whitening
from mcuedit.training.factors.frozen_a import FrozenA, shared_delta


@dataclass(frozen=True)
class Bench:
    """What the fleet learned, and what its virtual boards computed otherwise than the twin.

    Attributes:
        edits_known: edits whose fact some client has; of the others the fleet cannot know.
        device_compared, device_differing: integers of gradients.
    """

    outcome: Outcome
    metrics: Metrics
    edits_known: int
    devices: int
    device_compared: int
    device_differing: int


def bench(
    read: Reader,
    edits: EditSet,
    keep: KeepSet,
    facts: Sequence[Edit],
    *,
    by: str,
    count: int | None = None,
    rounds: Rounds | None = None,
    pair: tuple[int, int],
    rank: int = 128,
    devices: int = 0,
    device_rounds: int = 2,
    advance: Callable[[int], None] = lambda n: None,
) -> Bench:
    """Trains one adapter over a fleet whose clients own the facts, the edited ones with their new answers.

    Args:
        keep: what server and devices share: it places the frozen gates.
        facts: every client's facts come from here.
        by, count: as `clients`.
        pair: tap, and target that makes the logits.
        devices: so many clients are executed on virtual boards, too, in the first `device_rounds` rounds.

    Raises:
        McueditError: as `simulate`; the base has no facts.
    """
    if not facts:
        raise McueditError("the base has no facts.jsonl", "give a folder as 'mcuedit zoo export facts' writes it")
    base, rounds = read.base, rounds or Rounds()
    edits = check_edits(edits)
    found = resolve_answers(edits, base.labels, base.model.output.size)
    labels = {label: i for i, label in enumerate(base.labels or ())}
    new = {(e.subject, e.relation): c for e, c in zip(edits.edits, found.classes, strict=True)}
    old = [labels[f.target_new] for f in facts]
    wanted = [new.get((f.subject, f.relation), c) for f, c in zip(facts, old, strict=True)]
    fleet = clients(facts, wanted, by, count, rounds.seed)
    tap, logits = base.model.ops[pair[0]].inputs[0], logits_tensor(base.model)

    def values(prompts: Sequence[str]) -> tuple[Int8Array, Int8Array]:
        seen = read(prompts)
        return tuple(seen[t].reshape(len(prompts), -1) for t in (tap, logits))  # type: ignore[return-value]

    tapped = values(keep.prompts)[0]
    white = whitening(np.array(keep.lines), tapped.astype(np.float32), WhiteningConfig())
    rows = {c for pair_of in zip(old, wanted, strict=True) if len({*pair_of}) == 2 for c in pair_of}
    start = shared_delta(base.model, pair, sorted(rows), FrozenA(rank, rounds.seed), tapped, white)
    boards = Devices(base, start, devices, device_rounds) if devices else nullcontext()
    with boards as running:
        watch = {"watch": running.watch} if running else {}
        outcome = simulate(base.model.sha256, start, fleet, values, rounds, found.labels, advance=advance, **watch)
        compared, differing = (running.compared, running.differing) if running else (0, 0)
    metrics, _ = benchmark.evaluate(read, [outcome.adapter], edits, replace(keep, notes=()), facts)
    asked = {example.prompt for owned in fleet for example in owned}
    known = sum(not asked.isdisjoint(edit.prompts) for edit in edits.edits)
    return Bench(outcome, metrics, known, devices, compared, differing)
