# SPDX-License-Identifier: Apache-2.0
"""From folders of recordings to the files of a repair: what `mcuedit wake` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.api.wake import audio, manifest, outcome, repair
from mcuedit.api.wake.audio import Clip
from mcuedit.api.wake.net import Net
from mcuedit.api.wake.repair import Advance, Repaired, Streams
from mcuedit.api.wake.train import Config
from mcuedit.codegen.tflm_arena import arena_size
from mcuedit.model import bundle

Progress = Callable[[str, int], AbstractContextManager[Advance]]  # (what is done, how many steps) -> takes steps done


@dataclass(frozen=True)
class Recordings:
    """Folders of WAV files; who speaks is what stands before `--` in a file's name, or the folder it is in.

    Attributes:
        wake: the wake word. others: what wakes the device and should not. keep: other sound, without the wake word.
    """

    wake: Path
    others: Path | None = None
    keep: Path | None = None

    def read(self) -> tuple[list[Clip], list[Clip], list[Clip]]:
        """The clips of each folder.

        Raises:
            McueditError: nothing but the wake word is there, a folder has no speech, or two share a recording.
        """
        if self.others is None and self.keep is None:
            raise McueditError(
                "no recordings of anything else", "--not DIR for what misfires, --keep DIR for other sound"
            )
        folders = (("--wake", self.wake), ("--not", self.others), ("--keep", self.keep))
        parts: list[tuple[str, Sequence[Clip]]] = [
            (option, audio.folder(where) if where is not None else []) for option, where in folders
        ]
        audio.refuse_shared(parts)
        wake, others, keep = (list(clips) for _, clips in parts)
        return wake, others, keep


@dataclass(frozen=True)
class WakeOptions:
    """How a wake word is repaired.

    Attributes:
        copies: of each recording of the wake word and of what misfires, in rooms that are drawn.
        rank: gates of either kind, at most.
        calibrate: lower the cutoff as far as nothing more wakes the device.
        arena_limit: bytes of tensor arena that the firmware has.
    """

    copies: int = 4
    rank: int = Config.rank
    calibrate: bool = False
    arena_limit: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class WakeRepair:
    """A repair, `files` by their names in its folder, and its figures."""

    made: Repaired
    files: dict[str, bytes | str]
    figures: dict[str, Any]


def repair_wake_word(
    model: Path, recordings: Recordings, options: WakeOptions | None = None, progress: Progress | None = None
) -> WakeRepair:
    """Repairs a streaming net with ESPHome's JSON, version 2, beside it.

    Args:
        progress: gives what shows how far it is.

    Raises:
        McueditError: net, JSON or recordings are no good, nothing goes wrong, or nothing can be told apart.
    """
    options = options or WakeOptions()
    read = manifest.load(model)
    base = bundle.load(model)
    net = Net(base)
    parts = recordings.read()
    rule = read.rule(net.stride)
    read = manifest.checked(read, arena_size(base.model))
    copies = (options.copies, options.copies, 0)
    count = sum(len(clips) * (1 + more) for clips, more in zip(parts, copies, strict=True))
    with progress("listening", count) if progress else nullcontext(lambda n: None) as advance:
        heard = [
            tuple(repair.listen(net, clips, more, options.seed + i, advance))
            for i, (clips, more) in enumerate(zip(parts, copies, strict=True))
        ]
    streams = Streams(*heard)
    config = Config(rank=options.rank, seed=options.seed)
    held = repair.held_voices(streams)
    made = repair.repair(net, rule, streams, held, f"{model.stem}-wake", config)
    if options.calibrate:
        made = repair.calibrated(net, made, streams)
    made = replace(made, notes=(*read.notes, *made.notes))
    files, figures = outcome.files(net, made, streams, read, options.arena_limit)
    return WakeRepair(made, files, figures)
