# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench edits: whole edit sets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared.common import example, json_option, notes, print_json, progress, stdout, working
from mcuedit.cli._shared.files import PATH, metrics_table
from mcuedit.cli.repair.edit import is_given, read_options, training_options
from mcuedit.edits import EditSet, KeepSet, load_edits, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.dump import dump as raw
from mcuedit.model import bundle
from mcuedit.model.oracle import Reader
from mcuedit.training import Options


@click.command(
    "edits",
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts corrections/ --count 50 --seed 1",
        "mcuedit bench edits facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl --protocol stacked",
    ),
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option("--edits", "edit_path", required=True, type=PATH, metavar="F.jsonl")
@click.option("--keep", "keep_path", required=True, type=PATH, metavar="K.jsonl")
@click.option(
    "--protocol",
    "how",
    type=click.Choice([benchmark.SINGLE, benchmark.STACKED]),
    default=benchmark.STACKED,
    show_default=True,
    help="Each edit alone, or all in one adapter.",
)
@click.option("--no-locality", is_flag=True, help="Train without the edits' locality lists.")
@click.option("--merged", is_flag=True, help="Change weights instead, and measure on the files that come of it.")
@click.option("--dump", metavar="F.npz", type=PATH, help="Write every raw output; SPEC.md, section 6.")
@training_options
@json_option
def command(
    base_path: Path,
    edit_path: Path,
    keep_path: Path,
    how: str,
    no_locality: bool,
    merged: bool,
    dump: Path | None,
    as_json: bool,
    **training: Any,
) -> int:
    """Train every edit of a set, and measure on the facts in BASE that are neither edited nor kept.

    Exit code 1 if an edited prompt does not get its new answer.
    """
    if merged and dump is not None:
        raise McueditError("--dump with --merged: raw outputs are those of adapters", "leave one of them away")
    found = bundle.load(base_path)
    if merged:
        training["gated"] &= is_given("gated")
    options = read_options(training)
    edits, keep = load_edits(edit_path), load_keep(keep_path)
    if no_locality:
        edits = edits.without_locality()
    with working("running the base"):
        read = benchmark.reader(found, best_oracle(found.model))
        read(keep.prompts)
    if merged:
        return _merged(read, edits, keep, how, options, as_json)
    with progress("editing", len(edits.edits)) as advance:
        bench = benchmark.bench(read, benchmark.EditTask(edits, keep, facts_of(found)), how, options, advance)
    if dump is not None:
        with working("writing raw outputs"):
            atomic.write_file(dump, raw(read, bench.cases, keep.prompts))
    notes(dict.fromkeys([*edits.notes, *keep.notes, *(n for t in bench.trained for n in t.notes)]))
    pairs = Counter((t.placement[0].tap, t.placement[0].target) for t in bench.trained if t.placement)
    placed = {f"placed_{tap}_{target}": count for (tap, target), count in sorted(pairs.items())}
    separable = sum(t.placement[0].separable or 0 for t in bench.trained if t.placement)
    if as_json:
        print_json({**bench.metrics.flat(), "separable": separable, **placed})
    else:
        out = stdout()
        out.print(metrics_table(bench.metrics, f"{len(edits.edits)} edits, {how}"))
        where = ", ".join(f"op {t} -> op {o} ({n})" for (t, o), n in sorted(pairs.items()))
        out.print(f"\nplaced: {where}; separable: {separable} of {len(edits.edits)}")
        out.print(f"factors: {bench.metrics.factor_bytes:.0f} bytes; {bench.metrics.seconds:.2f} s per edit")
    return 0 if bench.metrics.efficacy == 1.0 else 1


def _merged(read: Reader, edits: EditSet, keep: KeepSet, how: str, options: Options, as_json: bool) -> int:
    with progress("editing", len(edits.edits)) as advance:
        task = benchmark.EditTask(edits, keep, facts_of(read.base))
        metrics, made = benchmark.bench_merged(read, best_oracle, task, how, options, advance)
    notes(dict.fromkeys([*edits.notes, *keep.notes, *(n for m in made for n in m.notes)]))
    changed, clipped, packed = (
        sum(getattr(m.merged.patch, name) for m in made) / len(made) for name in ("changed", "clipped", "packed")
    )
    placed = {f"placed_{op}": count for op, count in sorted(Counter(m.merged.op for m in made).items())}
    if as_json:
        print_json({**metrics.flat(), "changed": changed, "clipped": clipped, "patch_bytes": packed, **placed})
    else:
        out = stdout()
        out.print(metrics_table(metrics, f"{len(edits.edits)} edits, {how}, merged"))
        where = ", ".join(f"op {m.removeprefix('placed_')} ({n})" for m, n in placed.items())
        out.print(f"\nplaced: {where}; {changed:.0f} weights differ, {clipped:.0f} of them clipped")
        out.print(f"a patch takes about {packed:.0f} bytes; {metrics.seconds:.2f} s per edit")
    return 0 if metrics.efficacy == 1.0 else 1
