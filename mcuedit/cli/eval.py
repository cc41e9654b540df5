# SPDX-License-Identifier: Apache-2.0
"""mcuedit eval: measure adapters that exist."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit import atomic, base, protocol
from mcuedit.cli._common import example, json_option, print_json, stdout, working
from mcuedit.cli._files import PATH, facts_of, metrics_table, read_adapter
from mcuedit.edits import load_edits, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.dump import dump as raw


@click.command(
    epilog=example("mcuedit eval facts/ repair/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl")
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.argument("adapters", metavar="ADAPTER...", nargs=-1, required=True, type=PATH)
@click.option("--edits", "edit_path", required=True, type=PATH, metavar="F", help="What the adapters are to change.")
@click.option("--keep", "keep_path", required=True, type=PATH, metavar="K", help="What must not change.")
@click.option("--dump", metavar="F.npz", type=PATH, help="Write every raw output there.")
@json_option
def command(
    base_path: Path, adapters: tuple[Path, ...], edit_path: Path, keep_path: Path, dump: Path | None, as_json: bool
) -> int:
    """Measure adapters, all active together, against their untouched base.

    Exit code 1 if an edited prompt does not get its new answer.
    """
    found = base.load(base_path)
    loaded = [read_adapter(path, found) for path in adapters]
    with working("evaluating"):
        read = protocol.reader(found, best_oracle(found.model))
        keep = load_keep(keep_path)
        metrics, probes = protocol.evaluate(read, loaded, load_edits(edit_path), keep, facts_of(found))
    if dump is not None:
        atomic.write_file(dump, raw(read, probes, keep.prompts))
    if as_json:
        print_json(metrics.flat())
    else:
        stdout().print(metrics_table(metrics))
    return 0 if metrics.efficacy == 1.0 else 1
