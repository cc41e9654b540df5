# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench federated: a fleet that learns together."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.api.inputs import facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared.common import example, json_option, print_json, progress, stdout, table
from mcuedit.cli._shared.files import PATH, metrics_table
from mcuedit.edits import load_edits, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.federated.simulate import BY_RELATION, BY_SUBJECT, Rounds
from mcuedit.model import bundle

if TYPE_CHECKING:
    from mcuedit.federated.bench import Bench


@click.command(
    "federated",
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts changes/ --count 21",
        "mcuedit bench federated facts/ --edits changes/edits.jsonl --keep changes/keep.jsonl --devices 10",
    ),
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option(
    "--edits", "edit_path", required=True, type=PATH, metavar="F.jsonl", help="Edit set: what changed, fact by fact."
)
@click.option(
    "--keep", "keep_path", required=True, type=PATH, metavar="K.jsonl", help="Keep set, known to server and devices."
)
@click.option(
    "--clients",
    "by",
    type=click.Choice([BY_SUBJECT, BY_RELATION]),
    default=BY_SUBJECT,
    show_default=True,
    help="A client for every subject, or --count clients with a fact each.",
)
@click.option(
    "--count", type=click.IntRange(3), default=1000, show_default=True, help="Number of clients with a fact each."
)
@click.option("--rounds", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--rank", type=click.IntRange(1, 255), default=128, show_default=True, help="Number of gates of the shared A."
)
@click.option(
    "--tap", type=int, metavar="OP", help="Operator whose input the gates read; the one before the last if not given."
)
@click.option(
    "--dropouts",
    type=click.FloatRange(0, 0.5),
    default=0.1,
    show_default=True,
    help="Share of clients that are silent in a round.",
)
@click.option(
    "--devices",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Number of clients that run on a virtual Cortex-M4.",
)
@click.option(
    "--secure", type=click.IntRange(0), default=1, show_default=True, help="Number of rounds with masked sums."
)
@click.option("--clip", type=click.IntRange(1), metavar="N", help="L2 norm of a client's sum.")
@click.option(
    "--sigma", type=click.IntRange(0), default=0, show_default=True, help="Sigma of the noise on a sum; needs --clip."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-o", "--output", type=PATH, metavar="DIR", help="Write the adapter there.")
@json_option
def command(
    base_path: Path,
    edit_path: Path,
    keep_path: Path,
    by: str,
    count: int,
    rounds: int,
    rank: int,
    tap: int | None,
    dropouts: float,
    devices: int,
    secure: int,
    clip: int | None,
    sigma: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> int:
    """Simulate a fleet whose clients each own some facts of BASE, the edited ones with their new answers.

    A comes from a seed and is frozen; only sums of the gradients of B reach the server. In the first rounds the sum is
    also taken under pairwise masks with clients dropping out, and clients are executed as firmware: both must give
    the same integers.

    With --clip and --sigma, sums are differentially private for all that a client has. The epsilon that is printed
    takes who answers for Poisson sampling. That is so in the simulation, and in the field if the server lets each
    client take part by a coin of its own, kept secret, and counts nobody in for being online. Else the rate is 1:
    --dropouts 0 prints that epsilon.

    Exit code 1 if an integer differs.
    """
    from mcuedit.federated.bench import FleetConfig, bench
    from mcuedit.training.factors.frozen_a import FrozenA

    if sigma and clip is None:
        raise McueditError(
            "--sigma without --clip", "noise hides a client only if its sum has a largest norm: --clip N"
        )
    found = bundle.load(base_path)
    read = benchmark.reader(found, best_oracle(found.model))
    target = max(op.index for op in found.model.ops if op.kind == "FULLY_CONNECTED")
    pair = (target - 1 if tap is None else tap, target)
    how = Rounds(rounds, dropouts=dropouts, clip=clip, sigma=sigma, secure=secure, seed=seed)
    edits, keep = load_edits(edit_path), load_keep(keep_path)
    with progress("rounds", rounds) as advance:
        config = FleetConfig(pair, by, count, FrozenA(rank, seed), devices=devices)
        made = bench(read, benchmark.EditTask(edits, keep, facts_of(found)), config, how, advance)
    if output is not None:
        folder.save(made.outcome.adapter, output)
    outcome = {k: v for k, v in vars(made.outcome).items() if k != "adapter"}
    compared = {"device_compared": made.device_compared, "device_differing": made.device_differing}
    if as_json:
        print_json(outcome | {"edits_known": made.edits_known, "devices": devices} | compared | asdict(made.metrics))
    else:
        stdout().print(metrics_table(made.metrics))
        stdout().print(table("", ("fleet", ""), _rows(made, compared)))
    return 1 if made.outcome.differing or made.device_differing else 0


def _rows(made: Bench, compared: dict[str, int]) -> list[tuple[str, Any]]:
    outcome, devices = made.outcome, made.devices
    rows: list[tuple[str, Any]] = [
        ("clients", f"{outcome.clients:,}"),
        ("edits that a client knows", f"{made.edits_known} of {made.metrics.edits}"),
        ("rounds", outcome.rounds),
        ("did not answer", f"{outcome.dropped:,} of {outcome.clients * outcome.rounds:,}"),
        ("bytes a client sends in a round", f"{outcome.bytes_up:,}"),
        ("masked sums: integers differing", f"{outcome.differing} of {outcome.compared:,}"),
    ]
    if devices:
        what = f"{devices} virtual boards: integers differing"
        rows.append((what, f"{compared['device_differing']} of {compared['device_compared']:,}"))
    if outcome.epsilon is not None:
        rows.append(("epsilon of a client", f"{outcome.epsilon:.2f} at delta = clients^-1.1"))
    return rows
