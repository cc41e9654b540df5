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
from mcuedit.cli._shared.common import example, json_option, note, print_json, progress, stdout, table
from mcuedit.cli._shared.files import PATH
from mcuedit.edits import load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Metrics
from mcuedit.model import bundle
from mcuedit.training import Problem, TextEdits, fit
from mcuedit.training.methods.private import Config, private_prompts

_KINDS = (".svg", ".pdf", ".png")
_SHOWN = ("efficacy", "paraphrase", "neighbourhood")


@dataclass(frozen=True)
class _Point:
    budget: privacy.Budget
    metrics: Metrics


@click.command(
    "privacy",
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts changes/ --count 21",
        "mcuedit bench privacy facts/ --edits changes/edits.jsonl --keep changes/keep.jsonl -o privacy.svg",
    ),
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option(
    "--edits",
    "edit_paths",
    required=True,
    multiple=True,
    type=PATH,
    metavar="F.jsonl",
    help="Edit set, which is private.",
)
@click.option("--keep", "keep_path", required=True, type=PATH, metavar="K.jsonl", help="Keep set, which is public.")
@click.option(
    "--sigmas",
    default="100,200,400,800",
    show_default=True,
    metavar="N,N,...",
    help="Values of sigma, the noise, to try.",
)
@click.option("--clip", type=int, default=50, show_default=True, help="L2 norm of a prompt's gradient.")
@click.option("--steps", type=int, default=30, show_default=True)
@click.option("--rate", default=1.0, show_default=True, help="Probability that a prompt takes part in a step.")
@click.option(
    "--rank",
    type=click.IntRange(1, 255),
    default=Config.rank,
    show_default=True,
    help="Number of gates of the frozen A.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of A; the noise is never the same.")
@click.option("-o", "--output", type=PATH, metavar="PLOT.svg", help="Draw it there, by file type; needs matplotlib.")
@json_option
def command(
    base_path: Path,
    edit_paths: tuple[Path, ...],
    keep_path: Path,
    sigmas: str,
    clip: int,
    steps: int,
    rate: float,
    rank: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Train the edits with differential privacy under several amounts of noise, and measure each adapter.

    Epsilon is that of one run. Who runs all of them on private data, and looks at the figures, gives away the sum.
    """
    if output is not None and output.suffix not in _KINDS:
        raise McueditError(f"-o {output}: no kind of plot", f"give a name that ends in {', '.join(_KINDS)}")
    edits, keep = edit_set(edit_paths), load_keep(keep_path)
    tried = [part.strip() for part in sigmas.split(",")]
    count = len(private_prompts(edits))
    budgets = [privacy.budget(f"{sigma},{clip},{steps}", rate, count) for sigma in tried]
    found = bundle.load(base_path)
    read, facts, points = benchmark.reader(found, best_oracle(found.model)), facts_of(found), []
    with progress("runs", len(budgets)) as advance:
        for budget in budgets:
            made = fit(
                "private",
                Problem(read, TextEdits(edits, keep)),
                Config(budget=budget, rank=rank, seed=seed, name="private"),
            )
            points.append(_Point(budget, benchmark.evaluate(read, [made.adapter], edits, keep, facts)[0]))
            advance(1)
    if as_json:
        print_json(_flat(points))
    else:
        title = f"{count:,} private prompts, clip {clip}, {steps} steps, rate {rate:g}, delta {budgets[0].delta:.1e}"
        rows = [(p.budget.schedule.sigma, f"{p.budget.epsilon:.2f}", *(_share(p, n) for n in _SHOWN)) for p in points]
        stdout().print(table(title, ("sigma", "epsilon", *_SHOWN), rows))
    if output is not None and not _plot(points, output):
        note(f"{output} was not drawn: pip install 'mcuedit[plot]'")


def _flat(points: Sequence[_Point]) -> dict[str, object]:
    """A list for each key."""
    budgets = [p.budget.flat() for p in points]
    return {
        **{name: [budget[name] for budget in budgets] for name in budgets[0]},
        **{name: [getattr(p.metrics, name) for p in points] for name in _SHOWN},
    }


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
        axes = figure.add_subplot()
        for name, mark in zip(_SHOWN, "osv", strict=True):
            values = [getattr(p.metrics, name) for p in points]
            shown = [(p.budget.epsilon, v) for p, v in zip(points, values, strict=True) if v is not None]
            if shown:
                axes.plot(*zip(*sorted(shown), strict=True), marker=mark, label=name)
        for p in points:
            axes.annotate(f"sigma {p.budget.schedule.sigma}", (p.budget.epsilon, 0.02), ha="center", fontsize=8)
        axes.set(xscale="log", ylim=(0, 1.02), ylabel="share")
        axes.set_xlabel(f"epsilon of a prompt at delta {points[0].budget.delta:.1e}")
        axes.margins(x=0.1)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.1))
        try:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as error:
            raise McueditError(f"{path}: {error.strerror or error}", "give a file in a folder that exists") from error
    return True
