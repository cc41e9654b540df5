# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench speed: instructions of one inference, by op and core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, notes, print_json, progress, stdout, table
from mcuedit.cli._shared.options import PATH, whole
from mcuedit.model import bundle


@click.command("speed", epilog=example("mcuedit bench speed facts/", "mcuedit bench speed net.tflite --board virt-m4"))
@click.argument("base_paths", metavar="BASE...", type=PATH, nargs=-1, required=True)
@options.boards_option("Board to run on, may be given again; one of each core if not given.")
@whole("--random", 1, default=1, help="Number of inputs to average over.")
@options.toolchain_option
@options.seed_option("Seed of the random inputs.")
@options.json_option
def command(
    base_paths: tuple[Path, ...], boards: tuple[str, ...], random: int, toolchain: str, seed: int, as_json: bool
) -> int:
    """Count the instructions of one inference, by op and core. A core may take two cycles for some of them."""
    from mcuedit.conformance import speed

    names = boards or speed.BOARDS
    bases = [bundle.load(path) for path in base_paths]
    nets: dict[str, list[speed.Speed]] = {}
    with progress("counting", len(bases) * len(names)) as advance:
        for path, one in zip(base_paths, bases, strict=True):
            speeds = nets.setdefault(str(path), [])
            for name in names:
                speeds.append(speed.measure(one, name, inputs=random, seed=seed, toolchain=toolchain))
                advance(1)
    if as_json:
        print_json({"nets": {path: [asdict(speed) for speed in speeds] for path, speeds in nets.items()}})
        return 0
    for title, speeds in nets.items():
        stdout().print(_table(title, speeds))
        notes(f"{title} on {s.board}: {s.skipped}" for s in speeds if s.skipped)
    return 0


def _table(title: str, speeds: Sequence[Any]) -> Table:
    ops = next((speed.ops for speed in speeds if speed.ops), ())
    rows = [
        (op.index, op.kind, _number(op.macs), *(_number(s.ops[i].instructions) if s.ops else "" for s in speeds))
        for i, op in enumerate(ops)
    ]
    whole = sum(op.macs for op in ops)
    rows.append(("", "whole net", _number(whole), *(_number(s.total) for s in speeds)))
    return table(title, ("op", "kind", "MACs", *(s.cpu for s in speeds)), rows, left=("kind",))


def _number(value: int) -> str:
    return f"{value:,}" if value else ""
