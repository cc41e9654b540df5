# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench bytes: every byte of a base on every core, and of random models on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from mcuedit.api.inputs import facts_of
from mcuedit.build.options import BuildOptions
from mcuedit.cli._shared.common import example, json_option, print_json, progress, stdout, table
from mcuedit.cli._shared.files import PATH
from mcuedit.model import bundle


@click.command(
    "bytes",
    epilog=example("mcuedit bench bytes facts/ --random 1000", "mcuedit bench bytes --kind CONV_2D"),
)
@click.argument("base_path", metavar="[BASE]", required=False, type=PATH)
@click.option(
    "--random", "count", default=1000, show_default=True, type=click.IntRange(0), help="Number of random inputs."
)
@click.option(
    "--prompts/--no-prompts", default=True, show_default=True, help="Compare every prompt of facts.jsonl, too."
)
@click.option(
    "--board", "boards", multiple=True, metavar="NAME", help="Board to compare, may be given again; all if not given."
)
@click.option(
    "--runtime",
    type=click.Choice(["bare", "tflm"]),
    default="bare",
    show_default=True,
    help="Run the base by itself, or inside TensorFlow Lite Micro.",
)
@click.option("--toolchain", type=click.Choice(["auto", "gcc", "zig"]), default="auto", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the random inputs.")
@click.option(
    "--models",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="Number of random models of each kind, without BASE.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="OP",
    help="Kind of op to compare, without BASE; may be given again; all if not given.",
)
@json_option
def command(base_path: Path | None, models: int, kinds: tuple[str, ...], as_json: bool, **with_base: Any) -> int:
    """Compare every output byte on the host and every virtual core with the oracle, under 0, 1 and 10 adapters.

    Without BASE: random models of one op, and small nets, on the host.

    Exit code 1 if a byte differs.
    """
    if base_path is None:
        return _models(models, kinds, as_json)
    return _base(base_path, as_json=as_json, **with_base)


def _models(count: int, kinds: tuple[str, ...], as_json: bool) -> int:
    from mcuedit.conformance.opsweep import ALL, sweep

    chosen = kinds or ALL
    with progress("comparing", count * len(chosen)) as advance:
        rows = list(sweep(chosen, count, advance))
    columns = ("kind", "models", "bytes", "differing bytes", "in models", "s")
    cells = [
        (r.kind, r.models, f"{r.bytes:,}", r.differing_bytes, _some(r.differing_models), f"{r.seconds:.0f}")
        for r in rows
    ]
    return _report(rows, columns, cells, as_json, left=columns[:1])


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + ", ..." * (len(numbers) > 5)


def _base(
    base_path: Path,
    *,
    count: int,
    prompts: bool,
    boards: tuple[str, ...],
    runtime: str,
    toolchain: str,
    seed: int,
    as_json: bool,
) -> int:
    from mcuedit.conformance.bytes import Scope, Sweep, random_inputs

    found = bundle.load(base_path)
    inputs = [random_inputs(found, count, seed)]
    facts = facts_of(found) if prompts else ()
    if facts:
        questions = [p for f in facts for p in (*f.prompts, *f.rephrase_prompts)]
        inputs.append(found.encode(questions).reshape(len(questions), -1))
    sweep = Sweep(found, np.concatenate(inputs), Scope(boards=boards or None), BuildOptions(runtime, toolchain))
    with progress("comparing", sweep.total) as advance:
        rows = list(sweep.rows(advance))
    columns = ("emulator", "board", "core", "adapters", "inputs", "differing bytes", "s")
    cells = [
        (r.emulator, r.board, r.cpu, r.adapters, f"{r.inputs:,}", r.skipped or r.differing_bytes, f"{r.seconds:.0f}")
        for r in rows
    ]
    return _report(rows, columns, cells, as_json, left=columns[:3])


def _report(
    rows: Sequence[Any], columns: Sequence[str], cells: Sequence[Any], as_json: bool, left: Sequence[str]
) -> int:
    differing = sum(row.differing_bytes for row in rows)
    if as_json:
        print_json({"differing_bytes": differing, "rows": [asdict(row) for row in rows]})
    else:
        stdout().print(table("", columns, cells, left=left))
    return 1 if differing else 0
