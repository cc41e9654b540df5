# SPDX-License-Identifier: Apache-2.0
"""A whole federated training of text edits, measured as `mcuedit eval` measures adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.forward import logits_tensor
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import check_edits, resolve_answers
from mcuedit.evaluation.metrics import Metrics
from mcuedit.federated.devices import Devices
from mcuedit.federated.simulate import BY_SUBJECT, Fleet, Outcome, Rounds, clients, simulate
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


@dataclass(frozen=True)
class FleetConfig:
    """Who learns, what, and where.

    Attributes:
        pair: tap, and target that makes the logits.
        by, count: as `clients`.
        frozen: the A that all share.
        whitening: of the coordinates that A is drawn in.
        devices: so many clients are executed on virtual boards, too, in the first `device_rounds` rounds.
    """

    pair: tuple[int, int]
    by: str = BY_SUBJECT
    count: int | None = None
    frozen: FrozenA = field(default_factory=lambda: FrozenA(128))
    whitening: WhiteningConfig = field(default_factory=WhiteningConfig)
    devices: int = 0
    device_rounds: int = 2


def bench(
    read: Reader,
    task: benchmark.EditTask,
    config: FleetConfig,
    rounds: Rounds | None = None,
    advance: Callable[[int], None] = lambda n: None,
) -> Bench:
    """Trains one adapter over a fleet whose clients own the facts, the edited ones with their new answers.

    Args:
        task: server and devices share its keep set: it places the frozen gates; clients own its facts.

    Raises:
        McueditError: as `simulate`; the base has no facts.
    """
    facts, keep, pair, devices = task.facts, task.keep, config.pair, config.devices
    if not facts:
        raise McueditError("the base has no facts.jsonl", "give a folder as 'mcuedit zoo export facts' writes it")
    base, rounds = read.base, rounds or Rounds()
    edits = check_edits(task.edits)
    found = resolve_answers(edits, base.labels, base.model.output.size)
    labels = {label: i for i, label in enumerate(base.labels or ())}
    new = {(e.subject, e.relation): c for e, c in zip(edits.edits, found.classes, strict=True)}
    old = [labels[f.target_new] for f in facts]
    wanted = [new.get((f.subject, f.relation), c) for f, c in zip(facts, old, strict=True)]
    owned = clients(facts, wanted, config.by, config.count, rounds.seed)
    tap, logits = base.model.ops[pair[0]].inputs[0], logits_tensor(base.model)

    def values(prompts: Sequence[str]) -> tuple[Int8Array, Int8Array]:
        seen = read(prompts)
        return tuple(seen[t].reshape(len(prompts), -1) for t in (tap, logits))  # type: ignore[return-value]

    tapped = values(keep.prompts)[0]
    white = whitening(np.array(keep.lines), tapped.astype(np.float32), config.whitening)
    rows = {c for pair_of in zip(old, wanted, strict=True) if len({*pair_of}) == 2 for c in pair_of}
    start = shared_delta(base.model, pair, sorted(rows), config.frozen, tapped, white)
    boards = Devices(base, start, devices, config.device_rounds) if devices else nullcontext()
    with boards as running:
        watch = {"watch": running.watch} if running else {}
        fleet = Fleet(base.model.sha256, owned, values, found.labels)
        outcome = simulate(fleet, start, rounds, advance=advance, **watch)
        compared, differing = (running.compared, running.differing) if running else (0, 0)
    metrics, _ = benchmark.evaluate(read, [outcome.adapter], edits, replace(keep, notes=()), facts)
    asked = {example.prompt for examples in owned for example in examples}
    known = sum(not asked.isdisjoint(edit.prompts) for edit in edits.edits)
    return Bench(outcome, metrics, known, devices, compared, differing)
