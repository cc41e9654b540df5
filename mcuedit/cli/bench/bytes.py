# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench bytes: every byte on every core."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from mcuedit import base
from mcuedit.cli._common import example, json_option, print_json, progress, stdout, table
from mcuedit.cli._files import PATH, facts_of


@click.command("bytes", epilog=example("mcuedit bench bytes facts/ --random 1000"))
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option("--random", "count", default=1000, show_default=True, type=click.IntRange(0), help="Random inputs.")
@click.option("--prompts/--no-prompts", default=True, show_default=True, help="Every prompt of facts.jsonl too.")
@click.option("--board", "boards", multiple=True, metavar="NAME", help="Only these boards; all if not given.")
@click.option("--toolchain", type=click.Choice(["auto", "gcc", "zig"]), default="auto", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Draws the random inputs.")
@json_option
def command(
    base_path: Path, count: int, prompts: bool, boards: tuple[str, ...], toolchain: str, seed: int, as_json: bool
) -> int:
    """Compare every output byte on the host and every virtual core with the oracle, under 0, 1 and 10 adapters.

    Exit code 1 if a byte differs.
    """
    from mcuedit.emulate.bytes import Sweep, random_inputs

    found = base.load(base_path)
    inputs = [random_inputs(found, count, seed)]
    facts = facts_of(found) if prompts else ()
    if facts:
        questions = [p for f in facts for p in (*f.prompts, *f.rephrase_prompts)]
        inputs.append(found.encode(questions).reshape(len(questions), -1))
    sweep = Sweep(found, np.concatenate(inputs), board_names=boards or None, toolchain=toolchain)
    with progress("comparing", sweep.total) as advance:
        rows = list(sweep.rows(advance))
    differing = sum(row.differing_bytes for row in rows)
    if as_json:
        print_json({"differing_bytes": differing, "rows": [asdict(row) for row in rows]})
    else:
        columns = ("emulator", "board", "core", "adapters", "inputs", "differing bytes", "s")
        cells = [
            (
                r.emulator,
                r.board,
                r.cpu,
                r.adapters,
                f"{r.inputs:,}",
                r.skipped or r.differing_bytes,
                f"{r.seconds:.0f}",
            )
            for r in rows
        ]
        stdout().print(table("", columns, cells, left=columns[:3]))
    return 1 if differing else 0
