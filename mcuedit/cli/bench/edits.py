# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench edits: whole edit sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, notes, print_json, progress, stdout, working
from mcuedit.cli._shared.files import metrics_table
from mcuedit.cli._shared.options import into, is_given, path
from mcuedit.cli._shared.training import Training, training_options
from mcuedit.edits import load_edits, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.dump import dump as raw
from mcuedit.model import bundle
from mcuedit.training import Edited


@dataclass(frozen=True)
class _Given(Training):
    base_path: Path
    edit_path: Path
    keep_path: Path
    how: str
    no_locality: bool
    merged: bool
    dump: Path | None
    as_json: bool


@click.command(
    "edits",
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts corrections/ --count 50 --seed 1",
        "mcuedit bench edits facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl --how stacked",
    ),
)
@options.base_argument
@options.edits_option("Edit set: the corrections, one a line.")
@options.keep_option("Keep set: prompts whose answers must not change.")
@options.choice(
    "--how",
    of=(benchmark.SINGLE, benchmark.STACKED, benchmark.STREAM),
    default=benchmark.STACKED,
    help="Each edit alone, all in one adapter, or one adapter after another beside those before.",
)
@click.option("--no-locality", is_flag=True, help="Train without the edits' locality lists.")
@click.option("--merged", is_flag=True, help="Change weights instead, and measure on the files that come of it.")
@path("--dump", metavar="F.npz", help="Write every raw output; SPEC.md, section 6.")
@training_options
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Train every edit of a set, and measure on the facts in BASE that are neither edited nor kept.

    Exit code 1 if an edited prompt does not get its new answer.
    """
    if given.merged and given.dump is not None:
        raise McueditError("--dump with --merged: raw outputs are those of adapters", "leave one of them away")
    found, trains = bundle.load(given.base_path), given.options()
    edits, keep = load_edits(given.edit_path), load_keep(given.keep_path)
    if given.no_locality:
        edits = edits.without_locality()
    with working("running the base"):
        read = benchmark.reader(found, best_oracle(found.model))
        read(keep.prompts)
    if given.merged:
        trains = replace(trains, gated=trains.gated and is_given("gated"))  # plain unless asked otherwise
    task = benchmark.EditTask(edits, keep, facts_of(found), *(("merged", best_oracle) if given.merged else ()))
    with progress("editing", len(edits.edits)) as advance:
        bench = benchmark.bench(read, task, given.how, trains, advance)
    if given.dump is not None:
        with working("writing raw outputs"):
            atomic.write_file(given.dump, raw(read, bench.cases, keep.prompts))
    notes(dict.fromkeys([*edits.notes, *keep.notes, *(n for t in bench.trained for n in t.notes)]))
    figures, said = (_changes if given.merged else _placements)(bench.trained)
    if given.as_json:
        print_json({**bench.metrics.flat(), **figures})
    else:
        out, metrics = stdout(), bench.metrics
        out.print(metrics_table(metrics, f"{len(edits.edits)} edits, {given.how}{', merged' if given.merged else ''}"))
        out.print(f"\n{said[0]}")
        out.print(f"{said[1] or f'factors: {metrics.factor_bytes:.0f} bytes'}; {metrics.seconds:.2f} s per edit")
    return 0 if bench.metrics.efficacy == 1.0 else 1


def _placements(trained: Sequence[Edited]) -> tuple[dict[str, float], tuple[str, str]]:
    """Where deltas were placed, as --json has it and in words."""
    pairs = Counter(t.placement[0].pair for t in trained if t.placement)
    placed = {f"placed_{tap}_{target}": count for (tap, target), count in sorted(pairs.items())}
    separable = sum(t.placement[0].separable or 0 for t in trained if t.placement)
    where = ", ".join(f"op {t} -> op {o} ({n})" for (t, o), n in sorted(pairs.items()))
    count = sum(len(t.edits.edits) for t in trained)
    return {"separable": separable, **placed}, (f"placed: {where}; separable: {separable} of {count}", "")


def _changes(trained: Sequence[Edited]) -> tuple[dict[str, float], tuple[str, str]]:
    """Which weights were changed, likewise."""
    made = [t.weights for t in trained if t.weights is not None]
    changed, clipped, packed = (
        sum(getattr(m.patch, name) for m in made) / max(len(made), 1) for name in ("changed", "clipped", "packed")
    )
    ops = sorted(Counter(m.op for m in made).items())
    where = ", ".join(f"op {op} ({n})" for op, n in ops)
    figures = {"changed": changed, "clipped": clipped, "patch_bytes": packed}
    said = f"placed: {where}; {changed:.0f} weights differ, {clipped:.0f} of them clipped"
    return {**figures, **{f"placed_{op}": n for op, n in ops}}, (said, f"a patch takes about {packed:.0f} bytes")
