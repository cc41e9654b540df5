# SPDX-License-Identifier: Apache-2.0
"""Reads edit, fact and keep files. A malformed line is reported with its file, line and field."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mcuedit._util import textfile
from mcuedit._util.errors import McueditError
from mcuedit.edits import form, json_objects
from mcuedit.edits.json_objects import Report
from mcuedit.edits.other_formats import to_ours
from mcuedit.edits.sets import Edit, EditSet, KeepSet

_KEPT = form.KNOWN | {"answer"}
_HINT = 'one JSON object per line: {"subject": "...", "prompts": ["..."], "target_new": "...", "locality": ["..."]}'
_HINT_KEEP = "a keep file has a prompt per line, or lines of an edit set or of facts.jsonl"


def load_edits(path: str | Path) -> EditSet:
    """Reads an edit set: JSON lines or a JSON array, with our names or as EasyEdit, CounterFact or zsRE have them.

    Raises:
        McueditError: the file cannot be read, has no edit, or has malformed lines (the first 20 are named).
    """
    return _edits(textfile.read(Path(path)), str(path), form.Line)


def load_facts(path: str | Path) -> EditSet:
    """Reads facts.jsonl as `mcuedit zoo export` writes it: an edit set whose new answer is the field `answer`."""
    return _edits(textfile.read(Path(path)), str(path), form.Fact)


def load_keep(path: str | Path) -> KeepSet:
    """Reads a keep set: an edit set or facts.jsonl, of which only the prompts count, or plain prompts, one a line.

    Raises:
        McueditError: as load_edits.
    """
    path = Path(path)
    text = textfile.read(path)
    is_json = text.lstrip()[:1] in ("[", "{") and (path.suffix != ".txt" or text.lstrip()[0] == "[")
    report = Report(str(path), _HINT_KEEP)
    return _keep(json_objects.values(text, report) if is_json else textfile.lines(text, str(path)), report)


def parse_edits(edits: str | Sequence[Mapping[str, Any]], source: str = "edits") -> EditSet:
    """The same of text, or of records that a program has; messages call it `source`."""
    return _edits(edits if isinstance(edits, str) else json.dumps(list(edits)), source, form.Line)


def parse_keep(prompts: Sequence[str], source: str = "keep") -> KeepSet:
    """A keep set of prompts that a program has."""
    return _keep(enumerate(prompts, 1), Report(source, _HINT_KEEP))


def _keep(lines: Iterable[tuple[int, Any]], report: Report) -> KeepSet:
    line_of: dict[str, int] = {}
    question = 0
    for number, value in lines:
        question = max(question + 1, number)  # an array may have several on a line
        for prompt in report.attempt(number, partial(_kept, value, number, report)) or ():
            line_of.setdefault(prompt, question)
    report.raise_any()
    if not line_of:
        raise McueditError(f"{report.source}: an empty keep set", "list prompts whose answers must not change")
    return KeepSet(tuple(line_of), tuple(line_of.values()), report.source, report.notes())


def _edits(text: str, source: str, line: type[form.Line]) -> EditSet:
    report = Report(source, _HINT)
    edits = []
    for number, value in json_objects.values(text, report):
        edit = report.attempt(number, partial(_edit, value, number, line, report))
        if edit is not None:
            edits.append(edit)
    report.raise_any()
    if not edits:
        raise McueditError(f"{source}: no edit in it", _HINT)
    return EditSet(tuple(edits), source, report.notes())


def _object(value: Any, number: int, known: Collection[str], report: Report) -> dict[str, Any]:
    """The fields that are given, under our names."""
    if not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__}, not an object")
    values = to_ours(value)
    for name in values:
        if name not in known:
            report.see(number, name)
    return form.filled(values)


def _kept(value: Any, number: int, report: Report) -> list[str]:
    values = {"prompts": value} if isinstance(value, str) else _object(value, number, _KEPT, report)
    return form.Kept.model_validate(values).prompts


def _edit(value: Any, number: int, line: type[form.Line], report: Report) -> Edit:
    known = _KEPT if line is form.Fact else form.KNOWN
    return line.model_validate(_object(value, number, known, report)).edit(number)
