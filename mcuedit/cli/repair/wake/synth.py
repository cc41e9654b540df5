# SPDX-License-Identifier: Apache-2.0
"""mcuedit wake synth: test speech."""

from __future__ import annotations

import re
from pathlib import Path

import click

from mcuedit._util.atomic import require_free, resolved, write_folder
from mcuedit._util.errors import McueditError
from mcuedit.api.wake import audio, voices
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, progress, stderr
from mcuedit.cli._shared.options import TEXT, whole

_SETS = {"train": voices.TRAIN, "test": voices.TEST, "all": (*voices.TRAIN, *voices.TEST)}


@click.command("synth", epilog=example('mcuedit wake synth "open a book" -o not/'))
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True, type=TEXT)
@options.output_option("DIR", "Folder of WAV files to write.")
@options.choice("--voices", of=("train", "test", "all"), help="Which voices; none of train is one of test.")
@whole("--count", 1, help="Voices to take, the first ones; all if not given.")
@options.force_option("Replace DIR even if it holds files that mcuedit did not write.")
@options.json_option
def command(texts: tuple[str, ...], output: Path, voices: str, count: int | None, force: bool, as_json: bool) -> None:
    """Let espeak-ng and flite, where they are installed, speak texts, each in every voice: 16 kHz WAV files."""
    require_free(resolved(output), force)
    if empty := [text for text in texts if not re.search(r"\w", text)]:
        raise McueditError(f"{empty[0]!r}: nothing to say", "give words")
    from mcuedit.api.wake.voices import require, say

    chosen = require(_SETS[voices][:count])
    files: dict[str, bytes | str] = {}
    with progress("speaking", len(texts) * len(chosen)) as advance:
        for text in texts:
            name = re.sub(r"\W+", "_", text.lower()).strip("_")[:80]
            for voice in chosen:
                files[f"{voice.label}--{name}.wav"] = audio.wav(say(voice, text).samples)
                advance(1)
    write_folder(output, files, force=force)
    if as_json:
        print_json({"folder": str(output), "files": len(files), "voices": [voice.label for voice in chosen]})
    else:
        stderr().print(f"{output}: {len(files)} WAV files, {len(chosen)} voices", markup=False)
