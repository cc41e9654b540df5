# SPDX-License-Identifier: Apache-2.0
"""Test speech by espeak-ng and flite, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.api.wake import audio
from mcuedit.api.wake.audio import Clip

INSTALL = "apt install espeak-ng flite"
_ESPEAK, _FLITE = "espeak-ng", "flite"
_SECONDS = 60  # for one phrase


@dataclass(frozen=True)
class Voice:
    """One that speaks: by which program, under which name there."""

    program: str
    name: str

    @property
    def label(self) -> str:
        """A name for files."""
        return f"{self.program.removesuffix('-ng')}_{self.name.replace('+', '_')}"


_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
_TRAIN = (
    "m1 m3 f1 f3 m5 Alex Andy Annie adam Lee Marco linda Gene john klatt klatt3 klatt5 Denis Diogo Mario Mike aunty "
    "benjamin caleb ed grandma grandpa iven iven3 marcelo miguel pedro quincy rob robert shelby steph2 travis victor "
    "zac Henrique Nguyen belinda boris"
).split()
_TEST = "m2 f2 m4 f4 m7 f5 steph max Michael anika edward david Alicia paul antonio klatt2 Hugo sandro".split()


def _espeak(variants: list[str]) -> list[Voice]:
    return [Voice(_ESPEAK, f"{_ACCENTS[i % len(_ACCENTS)]}+{name}") for i, name in enumerate(variants)]


TRAIN = (*_espeak(_TRAIN), Voice(_FLITE, "kal16"), Voice(_FLITE, "rms"))
TEST = (*_espeak(_TEST), Voice(_FLITE, "slt"), Voice(_FLITE, "awb"))


def installed() -> tuple[Voice, ...]:
    """Those of all whose program is there."""
    return tuple(voice for voice in (*TRAIN, *TEST) if shutil.which(voice.program))


def require(voices: tuple[Voice, ...]) -> tuple[Voice, ...]:
    """The ones of these that can speak here.

    Raises:
        McueditError: none can.
    """
    found = tuple(voice for voice in voices if voice in installed())
    if not found:
        raise McueditError(f"neither {_ESPEAK} nor {_FLITE} is installed", INSTALL)
    return found


def say(voice: Voice, text: str, speed: float = 1.0) -> Clip:
    """A text in a voice.

    Args:
        speed: 1 is the program's own.

    Raises:
        McueditError: the program fails, or says nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        if voice.program == _ESPEAK:
            how = ["-v", voice.name, "-s", str(round(175 * speed)), "-w", str(file), "--", text]
        else:
            how = ["-voice", voice.name, "--setf", f"duration_stretch={1 / speed:.3f}", "-o", str(file), "-t", text]
        try:
            done = subprocess.run([voice.program, *how], capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise McueditError(f"{voice.program}: {error}", INSTALL) from error
        if done.returncode or not file.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise McueditError(f"{voice.program} -voice {voice.name}: {said[0] if said else 'no sound'}", INSTALL)
        clip = audio.load(file)
    return Clip(f"{voice.label}--{text}", clip.samples, voice.label)
