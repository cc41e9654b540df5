# SPDX-License-Identifier: Apache-2.0
"""mcuedit edit --dp: an adapter that gives away little of its edits' prompts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding, folder
from mcuedit.api.inputs import edit_set, facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared.common import notes, print_json, stdout, working
from mcuedit.cli._shared.files import metrics_table
from mcuedit.edits import EditSet, KeepSet, bag_of_words, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Metrics
from mcuedit.model.bundle import Base
from mcuedit.training import Edited, Options, Problem, TextEdits, fit
from mcuedit.training.methods.private import Config, private_prompts
from mcuedit.training.options import AUTO
from mcuedit.training.placement.pairs import logits_op, pairs

WHAT = (
    "private: whether any one prompt is among those of the edits; "
    "public: the keep set, the answers and their names, the number of prompts"
)
AGAIN = "training on the same prompts again gives away as much again: the epsilons add up"
MEASURED = "the figures below were measured on the private prompts and are not covered: the adapter does not carry them"


def run(
    base: Base,
    edit_paths: Sequence[Path],
    keep_path: Path | None,
    output: Path,
    options: Options,
    text: str,
    rate: float,
    *,
    rank: int | None,
    force: bool,
    as_json: bool,
) -> int:
    """Trains, writes and measures; the exit code. `rank` None: the default of private training."""
    if any(path.suffix == ".npz" for path in edit_paths):
        raise McueditError("--dp with tensors", "private training takes edits of text: a .jsonl file")
    if keep_path is None:
        raise McueditError("no keep set", "give --keep FILE: public prompts whose answers must not change, one a line")
    edits, keep = edit_set(edit_paths), load_keep(keep_path)
    budget = privacy.budget(text, rate, len(private_prompts(edits)))
    began = time.perf_counter()
    with working("training"):
        read = benchmark.reader(base, best_oracle(base.model))
        _check_pair(base, options)
        config = Config(budget=budget, **{**vars(options), "rank": rank or Config.rank})
        made = fit("private", Problem(read, TextEdits(edits, keep)), config)
        seconds = time.perf_counter() - began
        measured, _ = benchmark.evaluate(read, [made.adapter], edits, keep, facts_of(base))
    metrics = replace(measured, seconds=round(seconds, 3))
    folder.save(made.adapter, output, force=force)
    notes((*edits.notes, *keep.notes, *_overlap(edits, keep), AGAIN))
    size = len(encoding.encode(made.adapter, base.model))
    if as_json:
        print_json({"adapter": str(output), "adapter_bytes": size, **metrics.flat(), **budget.flat(), **_place(made)})
    else:
        _show(output, size, budget, metrics)
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
    return {"tap": delta.tap, "target": delta.target, "rank": delta.rank}


def _show(output: Path, size: int, budget: privacy.Budget, metrics: Metrics) -> None:
    out = stdout()
    out.print(str(budget), markup=False, soft_wrap=True)
    out.print(WHAT, soft_wrap=True)
    out.print(MEASURED, soft_wrap=True)
    out.print()
    out.print(metrics_table(metrics))
    out.print()
    out.print(f"{output}: {size:,} bytes for the device, most of them the frozen A, which a seed draws", soft_wrap=True)
