# SPDX-License-Identifier: Apache-2.0
"""Corrections to a device in the field that learns, over its link, as a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcuedit._util.errors import McueditError
from mcuedit.api.base import Base
from mcuedit.api.inputs import Keep, any_keep
from mcuedit.api.learning import DEFAULT, LearnOptions
from mcuedit.edits import EditSet
from mcuedit.fleet.teaching import learn
from mcuedit.fleet.transport import Device, Refused
from mcuedit.ondevice import corrections

NOTHING = "unchanged"  # of one that the device answers as wanted already


@dataclass(frozen=True)
class Taught:
    """What became of one correction.

    Attributes:
        subject: of its edit.
        outcome: "trial", "unchanged" (it was answered as wanted already), or the name of the error of a device that
            refused.
        right: wordings of its edit that the device answers as wanted now, of `asked`; it was told a few of them.
    """

    subject: str
    outcome: str
    right: int
    asked: int

    @property
    def learned(self) -> bool:
        """Whether it is answered as wanted."""
        return self.outcome in ("trial", NOTHING)


def teach(
    device: Device,
    base: Base,
    edits: EditSet,
    keep: Keep,
    options: LearnOptions = DEFAULT,
    *,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Taught]:
    """Has a device learn corrections, one after the other: all of them are on trial together then.

    Args:
        device: opened, with an operator if it obeys one.
        keep: of whose prompts some are told the device as answered right.
        options: `wordings`, `replay` and `seed`; what else a device learns by was built into it.

    Raises:
        McueditError: the device runs another base; an edit has too few prompts.
        TransportError: as the methods of `Device`; it does not learn at all, or only from its operator.
    """
    kept = any_keep(keep)
    told = corrections.sessions(base, edits, kept, options.wordings, options.replay, options.seed)
    runs = device.status().base
    if not base.model.sha256.startswith(runs):
        raise McueditError(f"{device.address} runs another base ({runs[:16]})", "give the base that it was built with")
    found = []
    for edit, session in zip(edits.edits, told, strict=True):
        outcome = NOTHING
        if _right(device, session.edit.prompts, session.wanted) < len(session.edit.prompts):
            try:
                learn(device, session.edit.prompts, session.wanted, session.confirmed, session.name)
                outcome = "trial"
            except Refused as error:
                if not error.name.startswith("E_") or error.name == "E_AUTHORITY":
                    raise
                outcome = error.name
        found.append(Taught(edit.subject, outcome, _right(device, edit.prompts, session.wanted), len(edit.prompts)))
        advance(1)
    return found


def _right(device: Device, prompts: tuple[str, ...], wanted: int) -> int:
    return sum(device.infer(prompt).answer == wanted for prompt in prompts)
