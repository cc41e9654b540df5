# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench wake: the wake words that ship with ESPHome against phrases that sound like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from mcuedit.api.wake.phrases import WAKE, confusable
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, notes, print_json, progress, stdout, table
from mcuedit.cli._shared.options import into, whole

if TYPE_CHECKING:
    from mcuedit.api.wake.bench import Row


@dataclass(frozen=True)
class _Given:
    models: tuple[str, ...]
    phrases: int
    voices: int
    copies: int
    minutes: float
    seed: int
    as_json: bool


@click.command("wake", epilog=example("mcuedit bench wake --model okay_nabu --phrases 3 --voices 8 --minutes 1"))
@click.option("--model", "models", multiple=True, type=click.Choice(list(WAKE)), help="Net; all if not given.")
@whole("--phrases", 0, default=22, help="Phrases of each net, at most; then its missed voices.")
@whole("--voices", 2, default=18, help="Voices trained on and voices measured with, at most so many each.")
@whole("--copies", 0, 64, default=4, help="Copies of each recording, in rooms that are drawn.")
@click.option("--minutes", default=60.0, show_default=True, help="Of other speech, to train on and to measure with.")
@options.seed_option("Seed of the rooms.")
@options.json_option
@into(_Given)
def command(given: _Given) -> None:
    """Repair the nets of pymicro-wakeword against phrases that sound like their wake words, one adapter a phrase.

    All is spoken by espeak-ng and flite, and measured with voices that were not trained on. A phrase that is the wake
    word itself is the repair of voices that are missed.
    """
    from mcuedit.api.inputs import facts_of
    from mcuedit.api.wake.bench import Bench, Scope
    from mcuedit.model import bundle
    from mcuedit.zoo import folder

    texts = [prompt for fact in facts_of(bundle.load(folder("facts"))) for prompt in fact.prompts[:2]]
    scope = Scope(given.voices, given.copies, given.minutes, given.seed)
    rows: list[Row] = []
    tasks = [(name, [*confusable(name)[: given.phrases], WAKE[name]]) for name in given.models or WAKE]
    with progress("repairs", sum(len(phrases) for _, phrases in tasks)) as advance:
        for name, phrases in tasks:
            bench = Bench(name, texts, scope)
            for phrase in phrases:
                rows.append(bench.row(phrase))
                advance(1)
    if given.as_json:
        print_json({"rows": [asdict(row) for row in rows], **_sums(rows)})
        return
    columns = ("net", "phrase", "fires", "after", "of", "missed", "after", "of", "an hour", "after", "bytes")
    stdout().print(table("", columns, [_cells(row) for row in rows], left=("phrase",)))
    stdout().print("\n" + "\n".join(f"{name}: {value}" for name, value in _sums(rows).items()))
    notes([f"{row.model}, {row.phrase}: {row.why}" for row in rows if row.why])


def _cells(row: Row) -> Sequence[object]:
    a, b = row.before, row.after
    hourly = (f"{a.hourly:.2f}", f"{b.hourly:.2f}")
    return (row.model, row.phrase, a.fired, b.fired, a.others, a.missed, b.missed, a.wakes, *hourly, row.size or "")


def _sums(rows: Sequence[Row]) -> dict[str, object]:
    """Over all repairs, each in force alone: those of phrases, and those of voices that are missed."""
    phrases = [row for row in rows if row.before.others]
    fired, left = (sum(getattr(row, when).fired for row in phrases) for when in ("before", "after"))
    heard = sum(row.before.wakes - row.before.missed for row in phrases)
    lost = sum(row.after.missed - row.before.missed for row in phrases)
    found: dict[str, object] = {
        "false_fires_before": fired,
        "false_fires_after": left,
        "false_fires_gone": round(1 - left / fired, 4) if fired else None,
        "wake_streams_lost": round(lost / heard, 4) if heard else None,
        "largest_adapter": max((row.size for row in rows), default=0),
    }
    for row in rows:
        if not row.before.others:
            a, b = row.before, row.after
            found[f"{row.model}_heard_before"] = round(1 - a.missed / a.wakes, 4)
            found[f"{row.model}_heard_after"] = round(1 - b.missed / b.wakes, 4)
            found[f"{row.model}_accepts_an_hour"] = [round(a.hourly, 2), round(b.hourly, 2)]
    return found
