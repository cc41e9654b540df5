# SPDX-License-Identifier: Apache-2.0
"""The words of the base `words`, and the synthesized recordings that its edits are drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcuedit.zoo.words.speech import Recordings

DATA = Path(__file__).parent.parent / "data" / "words"
FILE = "recordings.npz"
COMMANDS = (
    "yes", "no", "ok", "start", "stop", "open", "close", "left", "right",
    "up", "down", "forward", "backward", "next", "previous", "enable", "disable", "cancel",
)  # fmt: skip
OTHER, SPARES = "<other>", 4
FIRST_SPARE = len(COMMANDS) + 1


def labels() -> list[str]:
    """The commands, everything else, and slots for keywords that are to come."""
    return [*COMMANDS, OTHER, *(f"<spare {i}>" for i in range(SPARES))]


def load() -> tuple[Recordings, Recordings]:
    """Recordings by voices that the base was trained with, and by voices that it never heard; all are synthesized."""
    with np.load(DATA / FILE, allow_pickle=False) as file:
        every = Recordings(file["x"], file["words"], file["speakers"])
        tested = np.isin(every.speakers, file["held_out"])
    return every.of(~tested), every.of(tested)
