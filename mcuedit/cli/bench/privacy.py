# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench privacy: what noise costs, and what it buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import edit_set, facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, note, print_json, progress, stdout, table
from mcuedit.cli._shared.options import into, whole
from mcuedit.cli._shared.private import delta_option, unit_option
from mcuedit.edits import load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Metrics
from mcuedit.model import bundle
from mcuedit.training import Problem, TextEdits, fit
from mcuedit.training.methods.private import Config, protected

_KINDS = (".svg", ".pdf", ".png")
_SHOWN = ("efficacy", "paraphrase", "neighbourhood")
_ONE = {privacy.PROMPT: "a prompt", privacy.EDIT: "an edit"}


@dataclass(frozen=True)
class _Point:
    budget: privacy.Budget
    metrics: Metrics


@dataclass(frozen=True)
class _Given:
    base_path: Path
    edit_paths: tuple[Path, ...]
    keep_path: Path
    sigmas: str
    clip: int
    steps: int
    rate: float
    unit: str | None
    delta: float | None
    rank: int
    seed: int
    output: Path | None
    as_json: bool


@click.command(
    "privacy",
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts changes/ --count 21",
        "mcuedit bench privacy facts/ --edits changes/edits.jsonl --keep changes/keep.jsonl -o privacy.svg",
    ),
)
@options.base_argument
@options.edit_sets_option("Edit set, which is private.", metavar="F.jsonl")
@options.keep_option("Keep set, which is public.")
@click.option(
    "--sigmas",
    default="100,200,400,800",
    show_default=True,
    metavar="N,N,...",
    help="Values of sigma, the noise, to try.",
)
@click.option("--clip", type=int, default=50, show_default=True, help="L2 norm of a unit's gradient.")
@click.option("--steps", type=int, default=30, show_default=True, help="Steps of training.")
@click.option("--rate", default=1.0, show_default=True, help="Probability that a unit takes part in a step.")
@unit_option("--unit")
@delta_option("--delta")
@whole("--rank", 1, 255, default=Config.rank, help="Number of gates of the frozen A.")
@options.seed_option("Seed of A; the noise is never the same.")
@options.output_option("PLOT.svg", "Draw it there, by file type; needs matplotlib.", required=False)
@options.json_option
@into(_Given)
def command(given: _Given) -> None:
    """Train the edits with differential privacy under several amounts of noise, and measure each adapter.

    Epsilon is that of one run. Who runs all of them on private data, and looks at the figures, gives away the sum.
    """
    output = given.output
    if output is not None and output.suffix not in _KINDS:
        raise McueditError(f"-o {output}: no kind of plot", f"give a name that ends in {', '.join(_KINDS)}")
    edits, keep = edit_set(given.edit_paths), load_keep(given.keep_path)
    budgets = _budgets(given, protected(edits, given.unit))
    found = bundle.load(given.base_path)
    read, facts, points = benchmark.reader(found, best_oracle(found.model)), facts_of(found), []
    with progress("runs", len(budgets)) as advance:
        for budget in budgets:
            config = Config(budget=budget, rank=given.rank, seed=given.seed, name="private")
            made = fit("private", Problem(read, TextEdits(edits, keep)), config)
            points.append(_Point(budget, benchmark.evaluate(read, [made.adapter], edits, keep, facts)[0]))
            advance(1)
    if given.as_json:
        print_json(_flat(points))
    else:
        _show(points, given)
    if output is not None and not _plot(points, output):
        note(f"{output} was not drawn: pip install 'mcuedit[plot]'")


def _budgets(given: _Given, who: privacy.Protected) -> list[privacy.Budget]:
    """What each amount of noise gives away."""
    tried = [part.strip() for part in given.sigmas.split(",")]
    return [privacy.budget(f"{sigma},{given.clip},{given.steps}", given.rate, who, given.delta) for sigma in tried]


def _show(points: Sequence[_Point], given: _Given) -> None:
    who = points[0].budget.protected
    what = f"{who.prompts:,} private prompts of {who.edits:,} edits, clip {given.clip} by {who.unit}"
    how = f"{what}, {given.steps} steps, rate {given.rate:g}, delta {points[0].budget.delta:.2e}"
    rows = [(p.budget.schedule.sigma, *_epsilons(p), *(_share(p, n) for n in _SHOWN)) for p in points]
    stdout().print(table(how, ("sigma", "epsilon of a prompt", "of an edit", *_SHOWN), rows))


def _flat(points: Sequence[_Point]) -> dict[str, object]:
    """A list for each key."""
    budgets = [p.budget.flat() for p in points]
    return {
        **{name: [budget[name] for budget in budgets] for name in budgets[0]},
        **{name: [getattr(p.metrics, name) for p in points] for name in _SHOWN},
    }


def _epsilons(point: _Point) -> tuple[str, str]:
    return privacy.shown(point.budget.prompt), privacy.shown(point.budget.edit)


def _share(point: _Point, name: str) -> str:
    value = getattr(point.metrics, name)
    return "" if value is None else f"{100 * value:.1f} %"


def _plot(points: Sequence[_Point], path: Path) -> bool:
    """Draws shares against epsilon; False without matplotlib."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return False
    with rc_context({"svg.hashsalt": "mcuedit", "svg.fonttype": "none"}):  # the same figures give the same file
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes, first = figure.add_subplot(), points[0].budget
        for name, mark in zip(_SHOWN, "osv", strict=True):
            values = [getattr(p.metrics, name) for p in points]
            shown = [(p.budget.epsilon, v) for p, v in zip(points, values, strict=True) if v is not None]
            if shown:
                axes.plot(*zip(*sorted(shown), strict=True), marker=mark, label=name)
        for p in points:
            axes.annotate(f"sigma {p.budget.schedule.sigma}", (p.budget.epsilon, 0.02), ha="center", fontsize=8)
        axes.set(xscale="log", ylim=(0, 1.02), ylabel="share")
        axes.set_xlabel(f"epsilon of {_ONE[first.protected.unit]} at delta {first.delta:.2e}")
        axes.margins(x=0.1)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.1))
        try:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as error:
            raise McueditError(f"{path}: {error.strerror or error}", "give a file in a folder that exists") from error
    return True
