# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench federated: a fleet that learns together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.api.inputs import facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, progress, stdout, table
from mcuedit.cli._shared.files import metrics_table
from mcuedit.cli._shared.options import Real, into, whole
from mcuedit.edits import load_edits, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.federated.simulate import BY_RELATION, BY_SUBJECT, Rounds
from mcuedit.model import bundle

if TYPE_CHECKING:
    from mcuedit.federated.bench import Bench


@dataclass(frozen=True)
class _Given:
    base_path: Path
    edit_path: Path
    keep_path: Path
    by: str
    count: int
    rounds: int
    rank: int
    tap: int | None
    dropouts: float
    devices: int
    secure: int
    clip: int | None
    sigma: int
    seed: int
    output: Path | None
    as_json: bool

    @property
    def schedule(self) -> Rounds:
        """What the rounds are like."""
        return Rounds(
            self.rounds,
            dropouts=self.dropouts,
            clip=self.clip,
            sigma=self.sigma,
            secure=self.secure,
            seed=self.seed,
        )


@click.command(
    "federated",
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts changes/ --count 21",
        "mcuedit bench federated facts/ --edits changes/edits.jsonl --keep changes/keep.jsonl --devices 10",
    ),
)
@options.base_argument
@options.edits_option("Edit set: what changed, fact by fact.")
@options.keep_option("Keep set, known to server and devices.")
@options.choice(
    "--clients",
    "by",
    of=(BY_SUBJECT, BY_RELATION),
    help="A client for every subject, or --count clients with a fact each.",
)
@whole("--count", 3, default=1000, help="Number of clients with a fact each.")
@whole("--rounds", 1, default=100, help="Number of rounds of training.")
@whole("--rank", 1, 255, default=128, help="Number of gates of the shared A.")
@click.option(
    "--tap", type=int, metavar="OP", help="Operator whose input the gates read; the one before the last if not given."
)
@click.option(
    "--dropouts",
    type=Real(0, 0.5),
    default=0.1,
    show_default=True,
    help="Share of clients that are silent in a round.",
)
@whole("--devices", 0, default=0, help="Number of clients that run on a virtual Cortex-M4.")
@whole("--secure", 0, default=1, help="Number of rounds with masked sums.")
@whole("--clip", 1, metavar="N", help="L2 norm of a client's sum.")
@whole("--sigma", 0, default=0, help="Sigma of the noise on a sum; needs --clip.")
@options.seed_option("Seed of everything that is drawn: clients, A, who is silent, noise.")
@options.output_option("DIR", "Write the adapter there.", required=False)
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Simulate a fleet whose clients each own some facts of BASE, the edited ones with their new answers.

    A comes from a seed and is frozen; only sums of the gradients of B reach the server. In the first rounds the sum is
    also taken under pairwise masks with clients dropping out, and clients are executed as firmware: both must give
    the same integers.

    With --clip and --sigma, sums are differentially private for all that a client has. The epsilon that is printed is
    of a client that answers in every round: the server sees who is silent, so that dropouts hide nobody.

    Exit code 1 if an integer differs.
    """
    from mcuedit.federated.bench import FleetConfig, bench
    from mcuedit.training.factors.frozen_a import FrozenA

    if given.sigma and given.clip is None:
        raise McueditError(
            "--sigma without --clip", "noise hides a client only if its sum has a largest norm: --clip N"
        )
    found = bundle.load(given.base_path)
    read = benchmark.reader(found, best_oracle(found.model))
    target = max(op.index for op in found.model.ops if op.kind == "FULLY_CONNECTED")
    edits, keep = load_edits(given.edit_path), load_keep(given.keep_path)
    with progress("rounds", given.rounds) as advance:
        pair = (target - 1 if given.tap is None else given.tap, target)
        config = FleetConfig(pair, given.by, given.count, FrozenA(given.rank, given.seed), devices=given.devices)
        task = benchmark.EditTask(edits, keep, facts_of(found))
        made = bench(read, task, config, given.schedule, advance)
    if given.output is not None:
        folder.save(made.outcome.adapter, given.output)
    outcome = {k: v for k, v in vars(made.outcome).items() if k != "adapter"}
    compared = {"device_compared": made.device_compared, "device_differing": made.device_differing}
    if given.as_json:
        known = {"edits_known": made.edits_known, "devices": given.devices}
        print_json(outcome | known | compared | asdict(made.metrics))
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
        rows.append(("epsilon of a client", f"{privacy.shown(outcome.epsilon)} at delta {outcome.delta:.2e}"))
    return rows
