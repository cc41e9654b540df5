# SPDX-License-Identifier: Apache-2.0
"""mcuedit edit --dp: an adapter that gives away little of its edits' prompts."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding, folder
from mcuedit.api.inputs import facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared.common import notes, print_json, stdout, working
from mcuedit.cli._shared.files import are_tensors, metrics_table
from mcuedit.cli._shared.options import is_given
from mcuedit.cli.repair.edit.given import Given
from mcuedit.edits import EditSet, KeepSet, bag_of_words
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Metrics
from mcuedit.model.adaptable import tap_value
from mcuedit.model.bundle import Base
from mcuedit.training import Edited, Options, Problem, fit
from mcuedit.training.methods.private import Config, private_prompts, protected
from mcuedit.training.options import AUTO
from mcuedit.training.placement.pairs import logits_op, pairs

WHAT = (
    "private: whether any one prompt is among those of its edit, and whether an edit has its prompts or none; "
    "public: the keep set, the answers and their names, the numbers above"
)
AGAIN = "training on the same prompts again gives away as much again: the epsilons add up"
MEASURED = "the figures below were measured on the private prompts and are not covered: the adapter does not carry them"


def run(base: Base, schedule: str, options: Options, given: Given) -> int:
    """Trains, writes and measures; the exit code."""
    if any(map(are_tensors, given.edit_paths)):
        raise McueditError("--dp with tensors", "private training takes edits of text: a .jsonl file")
    wanted = given.text("public prompts")
    edits, keep = wanted.edits, wanted.keep
    budget = privacy.budget(schedule, given.dp_rate, protected(edits, given.dp_unit), given.dp_delta)
    rank = options.rank if is_given("rank") else None
    began = time.perf_counter()
    with working("training"):
        read = benchmark.reader(base, best_oracle(base.model))
        _check_pair(base, options)
        config = Config(budget=budget, **{**vars(options), "rank": rank or Config.rank})
        made = fit("private", Problem(read, wanted), config)
        seconds = time.perf_counter() - began
        measured, _ = benchmark.evaluate(read, [made.adapter], edits, keep, facts_of(base))
    metrics = replace(measured, seconds=round(seconds, 3))
    folder.save(made.adapter, given.output, force=given.force)
    notes((*edits.notes, *keep.notes, *_overlap(edits, keep), AGAIN))
    size = len(encoding.encode(made.adapter, base.model))
    if given.as_json:
        told = {"adapter": str(given.output), "adapter_bytes": size}
        print_json({**told, **metrics.flat(), **budget.flat(), **_place(made)})
    else:
        _show(given.output, size, budget, metrics)
    return 0 if metrics.efficacy == 1.0 else 1


def _check_pair(base: Base, options: Options) -> None:
    """Refuses a tap or target alone, and a target that does not make the logits."""
    if AUTO in (options.tap, options.target):
        if options.tap != options.target:
            raise McueditError("--dp with --tap or --target alone", "give both, or neither")
        return
    _, target = pairs(base.model, options.tap, options.target)[0]
    if target != logits_op(base.model):
        raise McueditError(f"target op {target}", "private training changes the op that makes the logits")


def _overlap(edits: EditSet, keep: KeepSet) -> list[str]:
    edited = {bag_of_words(p) for p in private_prompts(edits)}
    both = sum(bag_of_words(p) in edited for p in keep.prompts)
    if not both:
        return []
    return [f"{keep.source}: {both} of its prompts are edited; as the keep set is public, they pull both ways"]


def _place(made: Edited) -> dict[str, Any]:
    delta = made.adapter.deltas[0]
    return {"tap": tap_value(delta.tap), "target": delta.target, "rank": delta.rank}


def _show(output: Path, size: int, budget: privacy.Budget, metrics: Metrics) -> None:
    out = stdout()
    out.print(str(budget), markup=False, soft_wrap=True)
    out.print(WHAT, soft_wrap=True)
    out.print(MEASURED, soft_wrap=True)
    out.print()
    out.print(metrics_table(metrics))
    out.print()
    out.print(f"{output}: {size:,} bytes for the device, most of them the frozen A, which a seed draws", soft_wrap=True)
