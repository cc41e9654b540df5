# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench words: new keywords from a few recordings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, progress, stdout, table
from mcuedit.cli._shared.options import into, path, whole
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.zoo.words import bench, speech
from mcuedit.zoo.words.bench import METHODS, Known, Row, Task
from mcuedit.zoo.words.mfcc import hearing


@dataclass(frozen=True)
class _Given:
    base_path: Path
    speech_path: Path
    shots: int
    seeds: int
    seed: int
    count: int | None
    wanted: int | None
    tuning: bool
    as_json: bool


@click.command(
    "words",
    epilog=example(
        "mcuedit zoo export words words/",
        "mcuedit bench words words/ --speech arabic-speech-commands-dataset/dataset",
    ),
)
@options.base_argument
@path("--speech", "speech_path", required=True, metavar="DIR", help="Recordings: WORD/SPEAKER_....wav, 16 kHz.")
@whole("--shots", 1, 100, default=10, help="Number of recordings of a new keyword, of as many speakers as there are.")
@whole("--seeds", 1, 100, default=3, help="Number of draws of these recordings.")
@options.seed_option("First seed of these draws.")
@whole("--count", 1, help="Number of new keywords; all words of DIR that BASE does not know if not given.")
@click.option("--class", "wanted", type=int, metavar="CLASS", help="What keywords become; the first spare class.")
@click.option("--tuning", is_flag=True, help="Measure among the speakers of training, the others untouched.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Add every word that BASE does not know as a keyword, each by itself, and measure who is heard.

    A third of the speakers only serve to measure: the recordings of a keyword come from the others. A keyword is heard
    at 1 % false accepts: as loudly as one in a hundred recordings of all other words by the same speakers. Beside
    adapters trained on this machine and by a device's numpy twin (8 recordings) stand what others would do: the nearest
    recording by the last features, and tuning the last layer. "one speaker" learns a keyword from 5 recordings of
    somebody unheard, and is measured on this person's others.
    """
    found = bundle.load(given.base_path)
    hear = hearing(found.model.input_shape)
    files = speech.listed(given.speech_path)
    with progress("hearing", len(files)) as advance:
        recordings = speech.read_folder(given.speech_path, hear, advance, files)
    task = _task(given, found, recordings)
    with progress("running the base", len(recordings)) as advance:
        known = Known(found, best_oracle(found.model), task.recordings, advance)
    seeds = range(given.seed, given.seed + given.seeds)
    with progress("editing", len(METHODS) * len(task.new) * given.seeds) as advance:
        rows = bench.bench(known, task, seeds, advance=advance)
    if given.as_json:
        print_json({row.method: row.flat() for row in rows})
        return 0
    columns = (
        "method", "heard at 1 % false accepts", "worst keyword", "heard as shipped", "false accepts as shipped",
        "old words identical", "bytes", "refused",
    )  # fmt: skip
    title = f"{len(task.new)} new keywords, {len(seeds)} draws, {len(task.test)} speakers never heard in training"
    stdout().print(table(title, columns, map(_shown, rows)))
    return 0


def _task(given: _Given, base: bundle.Base, recordings: speech.Recordings) -> Task:
    labels = list(base.labels or ())
    words = np.unique(recordings.words)
    known = np.intersect1d(words, labels)
    if not len(known):  # nothing of it is known: half of the words play what must stay
        known = words[::2]
    new = np.setdiff1d(words, known)[: given.count]
    spare = next((i for i, label in enumerate(labels) if label.startswith("<spare")), None)
    wanted = spare if given.wanted is None else given.wanted
    if wanted is None:
        raise McueditError(f"{given.base_path} has no spare class", "say which class keywords become: --class N")
    train, test = speech.parted(recordings.speakers)
    if given.tuning:
        recordings = recordings.of(np.isin(recordings.speakers, train))
        train, test = speech.parted(recordings.speakers, 1 / 2)
    return Task(recordings, known, new, train, test, wanted, given.shots)


def _shown(row: Row) -> tuple[str, ...]:
    shares = (row.heard, row.worst, row.shipped, row.false, row.identical)
    return (row.method, *(f"{100 * share:.1f} %" for share in shares), f"{row.size:,.0f}", str(row.refused))
