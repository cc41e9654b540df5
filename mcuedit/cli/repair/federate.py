# SPDX-License-Identifier: Apache-2.0
"""mcuedit federate: one adapter from many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.adapter.chosen import for_adapters
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, notes, print_json, stdout, table, working
from mcuedit.cli._shared.files import read_adapter, read_adapters
from mcuedit.cli._shared.options import TEXT, Writing, into, path, whole
from mcuedit.federated.aggregate import FACTORED, HOW, SHARED, Aggregate, Aggregation, aggregate
from mcuedit.federated.round import Submission
from mcuedit.fleet import inventory
from mcuedit.model import bundle
from mcuedit.model.bundle import Base

EVERYBODY = "without --clients every ADAPTER counts as a client of its own: one that sends several counts as several"


@dataclass(frozen=True)
class _Given(Writing):
    adapters: tuple[Path, ...]
    base_path: Path
    start: Path | None
    clients: Path | None
    how: str
    weights: str | None
    clip: float | None
    trim: int | None
    rank: int | None
    name: str
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit federate device1/ device2/ device3/ --base facts/ --start start/ -o fleet/",
        "mcuedit federate inbox/* --base facts/ --start start/ --clients fleet.toml --clip 2.5 -o fleet/",
    )
)
@options.adapters_argument
@path("--base", "base_path", metavar="BASE", required=True, help="Base that all of them are for.")
@options.output_option("DIR", "Folder that the adapter is written to.")
@path("--start", metavar="ADAPTER", help="Adapter that the round began from: what it has, but B, is pinned.")
@path("--clients", metavar="FLEET.toml", help="Who may submit: a device is a folder of its name.")
@options.choice("--how", of=HOW, help="How adapters become one.")
@click.option("--weights", metavar="N,N,...", help="An integer for each adapter: what it was learned from.")
@click.option(
    "--clip",
    type=float,
    metavar="UNITS",
    help="Most by which one adapter may move an output, in its units; twice their median if not given.",
)
@whole(
    "--trim",
    0,
    metavar="N",
    help="Leave out the N largest and N smallest values of each element; a tenth, and one of 3 at least, if not given.",
)
@whole("--rank", 1, 255, metavar="R", help="Rank of a factored mean; if not given the median of the adapters'.")
@click.option("--name", type=TEXT, default="federated", show_default=True, help="Name of the adapter.")
@options.force_option("Replace a folder that mcuedit did not write.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Aggregate adapters that many devices learned for BASE into one.

    shared: all have the frozen A, gates and rows of --start; the mean of their B, without extreme values, in integers,
    whatever the order. factored: plain deltas; the best approximation of rank R of the mean of BA, and the energy that
    it drops. joined: gated deltas, each with an A of its own, side by side and in full.

    An ADAPTER that does not fit is left out and named with a reason. Labels are those of --start. Who sent it is told
    by --clients and the name of its folder, each client once; without --clients the same factors count once.
    """
    folder.check_name(given.name)
    base, start = bundle.load(given.base_path), None
    if given.start is not None:
        base, (start,) = read_adapters([given.start], base, None)
    else:
        base = for_adapters(base, [], _output(given.adapters))
    names = None if given.clients is None else frozenset(m.name for m in inventory.read(given.clients))
    submissions = [_submission(one, base, names is not None) for one in given.adapters]
    asked = Aggregation(
        given.how, start, names, _weights(given.weights), given.clip, given.trim, given.rank, given.name
    )
    with working("aggregating"):
        made = aggregate(submissions, base.model, asked)
    folder.save(made.adapter, given.output, force=given.force)
    told = [] if given.clients is not None else [EVERYBODY]
    notes([*told, *(f"{d.client} does not count: {d.reason}" for d in made.dropped)])
    _show(made, given)
    return 0


def _output(files: Sequence[Path]) -> str | None:
    """The output that most folders remember, of a base with several."""
    read = [Submission.read("", partial(folder.load, file)).adapter for file in files if file.is_dir()]
    names = Counter(adapter.output for adapter in read if adapter is not None and adapter.output)
    return max(names, key=names.__getitem__, default=None)


def _submission(file: Path, base: Base, listed: bool) -> Submission:
    """What lies in a place that the server chose; of listed clients its name is theirs."""
    name = file.absolute().name if file.is_dir() else file.stem
    client = name if listed else str(file)
    return Submission.read(client, lambda: read_adapter(file, base))


def _show(made: Aggregate, given: _Given) -> None:
    values = {
        "output": str(given.output),
        "how": made.how,
        "adapters": made.adapters,
        "dropped": [{"client": d.client, "reason": d.reason} for d in made.dropped],
        "clip": made.clip,
        "clipped": made.clipped,
        "trim": made.trim,
        "dropped_energy": made.energy_dropped,
        "factor_bytes": made.adapter.factor_bytes,
    }
    if given.as_json:
        print_json(values)
        return
    rows = [
        ("how", made.how),
        ("adapters that count", made.adapters),
        *((f"left out: {d.client}", d.reason) for d in made.dropped),
        ("most by which one moves an output", f"{made.clip:.4g}"),
        ("clipped to that", made.clipped),
        *([("of these may be anything", made.trim)] if made.how == SHARED else []),
        *([("energy dropped", f"{100 * made.energy_dropped:.3f} %")] if made.how == FACTORED else []),
        ("bytes of factors", f"{made.adapter.factor_bytes:,}"),
    ]
    stdout().print(table(str(given.output), ("", ""), rows))


def _weights(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise McueditError(f"--weights {text}", "integers with commas between them, one for each adapter") from error
