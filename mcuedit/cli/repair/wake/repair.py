# SPDX-License-Identifier: Apache-2.0
"""mcuedit wake repair: recordings to an adapter, the same as a .tflite, and ESPHome's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util.atomic import require_free, resolved, write_folder
from mcuedit._util.errors import McueditError
from mcuedit.api.wake import outcome
from mcuedit.api.wake.recordings import Recordings, WakeOptions, repair_wake_word
from mcuedit.api.wake.train import Config
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, notes, print_json, progress, stdout, table
from mcuedit.cli._shared.options import PATH, Writing, into, path, whole

_TRAINER = "personal_samples", "negative_samples"  # of microWakeWord-Trainer


@dataclass(frozen=True)
class _Given(Writing):
    model: Path
    wake_path: Path | None
    not_path: Path | None
    keep_path: Path | None
    samples: Path | None
    copies: int
    rank: int
    calibrate: bool
    arena_limit: int | None
    seed: int
    as_json: bool


@click.command(
    "repair",
    epilog=example(
        'mcuedit wake synth "okay nabu" -o wake/',
        'mcuedit wake synth "open a book" -o not/',
        "mcuedit wake repair okay_nabu.tflite --wake wake/ --not not/ -o repaired/",
    ),
)
@click.argument("model", metavar="MODEL.tflite", type=PATH)
@path("--wake", "wake_path", metavar="DIR", help="Recordings of the wake word.")
@path("--not", "not_path", metavar="DIR", help="Recordings that wake the device and should not.")
@path("--keep", "keep_path", metavar="DIR", help="Other sound of the house, without the wake word; long ones are best.")
@path("--samples", metavar="DIR", help="Folder of microWakeWord-Trainer: personal_samples/ and negative_samples/.")
@options.output_option("DIR", "Where adapter, .tflite, JSON and report go.")
@whole("--copies", 0, 64, default=4, help="Copies of each recording, in rooms that are drawn.")
@whole("--rank", 1, 8, default=Config.rank, help="Gates of either kind, at most.")
@click.option("--calibrate", is_flag=True, help="Lower probability_cutoff as far as nothing more wakes the device.")
@whole("--arena-limit", 1, help="Bytes of tensor arena that the firmware has.", metavar="N")
@options.seed_option("Seed of the rooms.")
@options.force_option("Replace DIR even if it holds files that mcuedit did not write.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Repair a streaming wake word net, such as ESPHome runs: what misfires is silenced, missed voices are heard.

    The JSON of ESPHome, version 2, stands beside MODEL. Recordings are WAV files; who speaks is what stands before "--"
    in a file's name, or else the folder it is in. Every fourth voice is held back to measure with. DIR gets adapter/,
    which emit and pack take, MODEL and its JSON anew, which ESPHome takes, report.md, and det.svg with matplotlib.

    Exit code 1 if something trained on still misfires.
    """
    require_free(resolved(given.output), given.force)
    setup = WakeOptions(given.copies, given.rank, given.calibrate, given.arena_limit, given.seed)
    found = repair_wake_word(given.model, _recordings(given), setup, progress)
    made, figures = found.made, found.figures
    write_folder(given.output, found.files, force=given.force)
    notes(made.notes)
    if given.as_json:
        print_json(figures)
    else:
        stdout().print(table("", ("", "before", "after"), outcome.rows(made)))
        stdout().print(
            f"\nadapter: {figures['adapter_bytes']} bytes; tensor_arena_size {figures['tensor_arena_size']:,}"
        )
    return 1 if made.trained[1].fired else 0


def _recordings(given: _Given) -> Recordings:
    wake_path, not_path = given.wake_path, given.not_path
    if given.samples is not None:
        if wake_path or not_path:
            raise McueditError("--samples beside --wake or --not", "give either")
        wake_path, not_path = (given.samples / name for name in _TRAINER)
    if wake_path is None:
        raise McueditError("no recordings of the wake word", "--wake DIR: what must still wake the device")
    return Recordings(wake_path, not_path, given.keep_path)
