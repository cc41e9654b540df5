# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench speed: instructions of one inference, by op and core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from mcuedit.build import compilers
from mcuedit.build.external import tflm as libraries
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, notes, print_json, progress, stdout, table
from mcuedit.cli._shared.options import PATH, into, path, whole
from mcuedit.cli.bench import figures
from mcuedit.model import bundle


@dataclass(frozen=True)
class _Given:
    base_paths: tuple[Path, ...]
    boards: tuple[str, ...]
    tflm: bool
    random: int
    toolchain: str
    seed: int
    page: Path | None
    as_json: bool


@dataclass(frozen=True)
class _Net:
    """What was measured of a base: a `Speed` a board, and those with TensorFlow Lite Micro, if they were asked for."""

    title: str
    macs: int
    bare: list[Any]
    tflm: list[Any]


@click.command(
    "speed",
    epilog=example(
        "mcuedit bench speed facts/",
        "mcuedit bench speed net.tflite --board virt-m4",
        "mcuedit bench speed facts/ net.tflite --tflm",
    ),
)
@click.argument("base_paths", metavar="BASE...", type=PATH, nargs=-1, required=True)
@options.boards_option("Board to run on, may be given again; one of each core if not given.")
@click.option("--tflm", is_flag=True, help="Compare with TensorFlow Lite Micro (TFLM_ROOT), on Cortex-M4 and M55.")
@whole("--random", 1, default=1, help="Number of inputs to average over.")
@options.toolchain_option
@options.seed_option("Seed of the random inputs.")
@path("--write", "page", metavar="PAGE.md", help="Write the totals between the marks of a Markdown page.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Count the instructions of one inference, by op and core. A core may take two cycles for some of them.

    With --tflm it is those of a whole inference, of this runtime and of an interpreter in the same firmware. With
    --write a page that has the lines "<!-- figures: speed -->" or "<!-- figures: speed --tflm -->" and "<!-- end of
    figures -->" gets a table between them.
    """
    if given.tflm:
        libraries.root()
    if given.page is not None:
        figures.require(given.page, _name(given))
    nets = _measured(given)
    columns, rows = _compared(nets) if given.tflm else _totals(nets)
    if given.page is not None:
        figures.fill(given.page, _name(given), f"{figures.markdown(columns, rows)}\n\n{_stamp(given)}")
    if given.as_json:
        kinds = ("bare", "tflm") if given.tflm else ("bare",)
        found = {kind: {n.title: [asdict(s) for s in getattr(n, kind)] for n in nets} for kind in kinds}
        print_json({"nets": found["bare"]} | ({"tflm": found["tflm"]} if given.tflm else {}))
        return 0
    if given.tflm:
        stdout().print(table("", columns, rows))
    for net in nets:
        if not given.tflm:
            stdout().print(_table(net.title, net.bare))
        notes(f"{net.title} on {s.board}: {s.skipped}" for s in (*net.bare, *net.tflm) if s.skipped)
    return 0


def _measured(given: _Given) -> list[_Net]:
    from mcuedit.conformance import speed

    names = given.boards or (speed.TFLM_BOARDS if given.tflm else speed.BOARDS)
    runtimes = ("bare", "tflm") if given.tflm else ("bare",)
    bases = [bundle.load(path) for path in given.base_paths]
    nets = []
    with progress("counting", len(bases) * len(names) * len(runtimes)) as advance:
        for path, base in zip(given.base_paths, bases, strict=True):
            found: dict[str, list[speed.Speed]] = {"bare": [], "tflm": []}
            for runtime in runtimes:
                for name in names:
                    how = {"inputs": given.random, "seed": given.seed}
                    one = speed.measure(base, name, toolchain=given.toolchain, runtime=runtime, **how)
                    found[runtime].append(one)
                    advance(1)
            nets.append(_Net(str(path), speed.all_macs(base.model), found["bare"], found["tflm"]))
    return nets


def _table(title: str, speeds: Sequence[Any]) -> Table:
    ops = next((speed.ops for speed in speeds if speed.ops), ())
    rows = [
        (op.index, op.kind, _number(op.macs), *(_number(s.ops[i].instructions) if s.ops else "" for s in speeds))
        for i, op in enumerate(ops)
    ]
    whole = sum(op.macs for op in ops)
    rows.append(("", "whole net", _number(whole), *(_number(s.total) for s in speeds)))
    return table(title, ("op", "kind", "MACs", *(s.cpu for s in speeds)), rows, left=("kind",))


def _totals(nets: Sequence[_Net]) -> tuple[list[str], list[list[str]]]:
    columns = ["net", "MACs", *(_core(s.cpu) for s in nets[0].bare)]
    return columns, [[_stem(n.title), _number(n.macs), *(_number(s.total) for s in n.bare)] for n in nets]


def _compared(nets: Sequence[_Net]) -> tuple[list[str], list[list[str]]]:
    """Both totals and their ratio for each core."""
    columns = ["net"]
    for s in nets[0].bare:
        columns += [_core(s.cpu), f"TFLM on {_core(s.cpu)}", f"ratio on {_core(s.cpu)}"]
    rows = []
    for net in nets:
        row = [_stem(net.title)]
        for ours, theirs in zip(net.bare, net.tflm, strict=True):
            ratio = f"{ours.total / theirs.total:.3f}" if ours.total and theirs.total else ""
            row += [_number(ours.total), _number(theirs.total), ratio]
        rows.append(row)
    return columns, rows


def _name(given: _Given) -> str:
    return "speed --tflm" if given.tflm else "speed"


def _stamp(given: _Given) -> str:
    """The command, without folders, the compiler, and the commit of TensorFlow Lite Micro's tree."""
    bases = " ".join(path.name for path in given.base_paths)
    boards = "".join(f" --board {name}" for name in given.boards)
    compiler = compilers.find_compiler(given.toolchain)
    words = [f"`mcuedit bench {_name(given)} {bases}{boards}`", f"{compiler.name} {compiler.version()} -O2"]
    if given.tflm:
        words.append(f"tflite-micro {libraries.commit(libraries.root()) or 'of an unknown commit'}")
    return ", ".join(words)


def _core(cpu: str) -> str:
    return cpu.removeprefix("cortex-").upper()


def _stem(title: str) -> str:
    return Path(title).stem


def _number(value: int) -> str:
    return f"{value:,}" if value else ""
