# SPDX-License-Identifier: Apache-2.0
"""mcuedit federate: one adapter from many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, stdout, table, working
from mcuedit.cli._shared.files import read_adapters
from mcuedit.cli._shared.options import TEXT, Writing, into, path, whole
from mcuedit.federated.aggregate import HOW, Aggregation, aggregate
from mcuedit.model import bundle


@dataclass(frozen=True)
class _Given(Writing):
    adapters: tuple[Path, ...]
    base_path: Path
    how: str
    weights: str | None
    clip: int | None
    trim: int
    rank: int | None
    name: str
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit federate device1/ device2/ device3/ --base facts/ -o fleet/",
        "mcuedit federate device*/ --base facts/ --weights 20,5,9 --clip 300 -o fleet/",
    )
)
@options.adapters_argument
@path("--base", "base_path", metavar="BASE", required=True, help="Base that all of them are for.")
@options.output_option("DIR", "Folder that the adapter is written to.")
@options.choice("--how", of=HOW, default="auto", help="How adapters become one.")
@click.option("--weights", metavar="N,N,...", help="An integer for each adapter: what it was learned from.")
@whole("--clip", 1, metavar="N", help="L2 norm that the B of one adapter has at most.")
@click.option(
    "--trim",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Leave out the N largest and N smallest values of each element.",
)
@whole("--rank", 1, 255, metavar="R", help="Rank of a factored mean; if not given the largest of the adapters.")
@click.option("--name", type=TEXT, default="federated", show_default=True, help="Name of the adapter.")
@options.force_option("Replace a folder that mcuedit did not write.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Aggregate adapters that many devices learned for BASE into one.

    shared: all have one frozen A; the mean of their B is the mean of what they do, in integers, whatever the order.
    factored: plain deltas; the best approximation of rank R of the mean of BA, and the energy that it drops. joined:
    gated deltas, each with an A of its own, side by side. auto takes the first of them that fits.
    """
    found, loaded = read_adapters(given.adapters, bundle.load(given.base_path), None)
    with working("aggregating"):
        how = Aggregation(given.how, _weights(given.weights), given.clip, given.trim, given.rank, given.name)
        made = aggregate(loaded, found.model, how)
    folder.save(made.adapter, given.output, force=given.force)
    values = {
        "output": str(given.output),
        "how": made.how,
        "adapters": made.adapters,
        "clipped": made.clipped,
        "dropped_energy": made.dropped,
        "factor_bytes": made.adapter.factor_bytes,
    }
    if given.as_json:
        print_json(values)
    else:
        rows = [
            ("how", made.how),
            ("adapters", made.adapters),
            *([("clipped", made.clipped)] if given.clip else []),
            ("energy dropped", f"{100 * made.dropped:.3f} %"),
            ("bytes of factors", f"{made.adapter.factor_bytes:,}"),
        ]
        stdout().print(table(str(given.output), ("", ""), rows))
    return 0


def _weights(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise McueditError(f"--weights {text}", "integers with commas between them, one for each adapter") from error
