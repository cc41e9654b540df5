# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench bytes: every byte of a base on every core, and of random models on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from mcuedit.api.inputs import facts_of
from mcuedit.build.options import BuildOptions
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, progress, stdout, table
from mcuedit.cli._shared.options import PATH, into, whole
from mcuedit.model import bundle
from mcuedit.model.bundle import Base


@dataclass(frozen=True)
class _Given:
    base_path: Path | None
    random: int
    prompts: bool
    boards: tuple[str, ...]
    runtime: str
    toolchain: str
    seed: int
    models: int
    kinds: tuple[str, ...]
    as_json: bool


@click.command(
    "bytes",
    epilog=example("mcuedit bench bytes facts/ --random 1000", "mcuedit bench bytes --kind CONV_2D"),
)
@click.argument("base_path", metavar="[BASE]", required=False, type=PATH)
@whole("--random", 0, default=1000, help="Number of random inputs.")
@click.option(
    "--prompts/--no-prompts", default=True, show_default=True, help="Compare every prompt of facts.jsonl, too."
)
@options.boards_option("Board to compare, may be given again; all if not given.")
@options.runtime_option
@options.toolchain_option
@options.seed_option("Seed of the random inputs.")
@whole("--models", 1, default=500, help="Number of random models of each kind, without BASE.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="OP",
    help="Kind of op to compare, without BASE; may be given again; all if not given.",
)
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Compare every output byte on the host and every virtual core with the oracle, under 0, 1 and 10 adapters.

    Without BASE: random models of one op, and small nets, on the host.

    Exit code 1 if a byte differs.
    """
    return _models(given) if given.base_path is None else _base(bundle.load(given.base_path), given)


def _models(given: _Given) -> int:
    from mcuedit.conformance.opsweep import ALL, sweep

    count, chosen = given.models, given.kinds or ALL
    with progress("comparing", count * len(chosen)) as advance:
        rows = list(sweep(chosen, count, advance))
    columns = ("kind", "models", "bytes", "differing bytes", "in models", "s")
    cells = [
        (r.kind, r.models, f"{r.bytes:,}", r.differing_bytes, _some(r.differing_models), f"{r.seconds:.0f}")
        for r in rows
    ]
    return _report(rows, columns, cells, given.as_json, left=columns[:1])


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + ", ..." * (len(numbers) > 5)


def _base(found: Base, given: _Given) -> int:
    from mcuedit.conformance.bytes import Scope, Sweep, random_inputs

    inputs = [random_inputs(found, given.random, given.seed)]
    facts = facts_of(found) if given.prompts else ()
    if facts:
        questions = [p for f in facts for p in (*f.prompts, *f.rephrase_prompts)]
        inputs.append(found.encode(questions).reshape(len(questions), -1))
    build = BuildOptions(given.runtime, given.toolchain)
    sweep = Sweep(found, np.concatenate(inputs), Scope(boards=given.boards or None), build)
    with progress("comparing", sweep.total) as advance:
        rows = list(sweep.rows(advance))
    columns = ("emulator", "board", "core", "adapters", "inputs", "differing bytes", "s")
    cells = [
        (r.emulator, r.board, r.cpu, r.adapters, f"{r.inputs:,}", r.skipped or r.differing_bytes, f"{r.seconds:.0f}")
        for r in rows
    ]
    return _report(rows, columns, cells, given.as_json, left=columns[:3])


def _report(
    rows: Sequence[Any], columns: Sequence[str], cells: Sequence[Any], as_json: bool, left: Sequence[str]
) -> int:
    differing = sum(row.differing_bytes for row in rows)
    if as_json:
        print_json({"differing_bytes": differing, "rows": [asdict(row) for row in rows]})
    else:
        stdout().print(table("", columns, cells, left=left))
    return 1 if differing else 0
