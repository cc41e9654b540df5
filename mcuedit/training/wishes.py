# SPDX-License-Identifier: Apache-2.0
"""Edits held against what the base makes of their prompts."""

from __future__ import annotations

from collections.abc import Sequence

from mcuedit._util.errors import McueditError
from mcuedit.edits import Edit, EditSet
from mcuedit.model.bundle import Base


def refuse_one_input(base: Base, edits: EditSet, classes: Sequence[int]) -> None:
    """Refuses two answers for prompts that are one input to the base, though their words differ.

    Raises:
        McueditError: names both edits and prompts.
    """
    first: dict[bytes, tuple[Edit, str, int]] = {}
    for edit, wanted in zip(edits.edits, classes, strict=True):
        for prompt, features in zip(edit.prompts, base.encode(edit.prompts), strict=True):
            other, wording, theirs = first.setdefault(features.tobytes(), (edit, prompt, wanted))
            if theirs != wanted:
                raise McueditError(
                    f"{edits.where(other)} wants {other.target_new!r} for {wording!r}, {edits.where(edit)} wants "
                    f"{edit.target_new!r} for {prompt!r}: to this base both are one input",
                    "take one of the two prompts out",
                )
