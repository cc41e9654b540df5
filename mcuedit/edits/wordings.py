# SPDX-License-Identifier: Apache-2.0
"""Prompts that cannot be meant: templates nobody filled in, and questions about something else than their subject."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from mcuedit._util.schema import Faults
from mcuedit.edits.sets import Edit, EditSet, KeepSet

_HOLE = re.compile(
    r"\{\{?\s*\w*\s*\}?\}"  # {}, {0}, {subject}, {{subject}}
    r"|\$\w*(subject|entity)|%s|%\(\w+\)s"
    r"|<\s*(subject|entity|name|mask|x|y)\s*>|\[\s*(subject|entity|name|mask|x|y)\s*\]",
    re.IGNORECASE,
)


def check_wordings(edits: EditSet) -> None:
    """Refuses templates that were not filled in, and edits of which no prompt names the subject.

    Raises:
        McueditError: names every such line.
    """
    faults = Faults("write the subject itself into the prompts, as it stands in 'subject'")
    for edit in edits.edits:
        for why in _problems(edit):
            faults.add(edits.where(edit), why)
    faults.raise_any()


def check_kept_wordings(keep: KeepSet) -> None:
    """Refuses templates in a keep set: nothing is kept by them.

    Raises:
        McueditError: names every such line.
    """
    faults = Faults("write prompts as users ask them")
    for prompt, line in zip(keep.prompts, keep.lines, strict=True):
        if hole := _hole(prompt):
            faults.add(f"{keep.source}:{line}", f"{hole} in {prompt!r} was not filled in")
    faults.raise_any()


def names(prompt: str, subject: str) -> bool:
    """Whether a prompt has the subject in it: as it is written, or all of its words; case and accents do not count."""
    asked, wanted = _plain(prompt), _plain(subject)
    return wanted in asked or set(re.findall(r"\w+", wanted)) <= set(re.findall(r"\w+", asked))


def _problems(edit: Edit) -> Iterator[str]:
    fields = ("prompts", edit.prompts), ("rephrase_prompts", edit.rephrase_prompts), ("locality", edit.locality)
    texts: Iterable[tuple[str, str]] = [("subject", edit.subject), *((n, t) for n, some in fields for t in some)]
    holes = [f"{name}: {_hole(text)} in {text!r} was not filled in" for name, text in texts if _hole(text)]
    yield from holes
    if not holes and edit.subject and not any(names(prompt, edit.subject) for prompt in edit.prompts):
        yield f"no prompt names the subject {edit.subject!r}, such as {edit.prompts[0]!r}"


def _hole(text: str) -> str:
    found = _HOLE.search(text)
    return found.group() if found else ""


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())
