# SPDX-License-Identifier: Apache-2.0
"""Reads edit, fact and keep files. Every malformed line is reported, with its file, line and field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mcuedit.edits.sets import Edit, EditSet, KeepSet, bag_of_words
from mcuedit.errors import McueditError

_T = TypeVar("_T")
_SHOWN = 20  # malformed lines in one message
_KNOWN = ("subject", "relation", "prompts", "target_new", "ground_truth", "rephrase_prompts", "locality")
_ALIASES = {"prompt": "prompts", "rephrase_prompt": "rephrase_prompts"}  # EasyEdit writes either
_HINT = 'one JSON object per line: {"subject": "...", "prompts": ["..."], "target_new": "...", "locality": ["..."]}'


class _Field(ValueError):
    """A field of one line is wrong."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"field {name!r} {why}")


@dataclass
class _Report:
    """What is wrong and what is worth a note in one file."""

    source: str
    problems: list[str] = field(default_factory=list)
    unknown: dict[str, list[int]] = field(default_factory=dict)

    def raise_problems(self, hint: str) -> None:
        if self.problems:
            more = len(self.problems) - _SHOWN
            lines = self.problems[:_SHOWN] + ([f"... and {more} more"] if more > 0 else [])
            raise McueditError("\n".join(lines), hint)

    def notes(self) -> tuple[str, ...]:
        def lines(numbers: list[int]) -> str:
            return f"line {numbers[0]}" + (f" and {len(numbers) - 1} more" if len(numbers) > 1 else "")

        return tuple(f"{self.source}: unknown field {n!r} is ignored ({lines(at)})" for n, at in self.unknown.items())


def load_edits(path: str | Path) -> EditSet:
    """Reads an edit set: JSONL with EasyEdit's names.

    Raises:
        McueditError: the file cannot be read, has no edit, or has malformed lines (all of them are named).
    """
    return _load(Path(path), "target_new", _KNOWN)


def load_facts(path: str | Path) -> EditSet:
    """Reads facts.jsonl as `mcuedit zoo export` writes it: an edit set whose new answer is the field `answer`."""
    return _load(Path(path), "answer", (*_KNOWN, "answer"))


def load_keep(path: str | Path) -> KeepSet:
    """Reads a keep set: lines of an edit set or of facts.jsonl, of which only the prompts count, or plain prompts.

    Raises:
        McueditError: as load_edits.
    """
    path = Path(path)
    text = _read(path)
    report = _Report(str(path))
    first = text.lstrip()[:1]
    if path.suffix == ".txt" or first != "{":
        _refuse_array(text, path)
        lines: Iterator[tuple[int, dict[str, Any]]] = ((n, {"prompts": line}) for n, line in _lines(text))
    else:
        lines = _objects(text, report, (*_KNOWN, "answer"))
    line_of: dict[str, int] = {}
    for number, values in lines:
        for prompt in _line(report, number, partial(_texts, values, "prompts", needed=True)) or ():
            line_of.setdefault(prompt, number)
    report.raise_problems("a keep file has a prompt per line, or lines of an edit set or of facts.jsonl")
    if not line_of:
        raise McueditError(f"{path}: an empty keep set", "list prompts whose answers must not change")
    return KeepSet(tuple(line_of), tuple(line_of.values()), str(path), report.notes())


def _load(path: Path, answer: str, known: tuple[str, ...]) -> EditSet:
    text = _read(path)
    _refuse_array(text, path)
    report = _Report(str(path))
    edits = []
    for number, values in _objects(text, report, known):
        edit = _line(report, number, partial(_edit, values, number, answer))
        if edit is not None:
            edits.append(edit)
    report.raise_problems(_HINT)
    if not edits:
        raise McueditError(f"{path}: no edit in it", _HINT)
    return EditSet(tuple(edits), str(path), report.notes())


def _edit(values: dict[str, Any], line: int, answer: str) -> Edit:
    truth = values.get("ground_truth", "")
    if isinstance(truth, list) and truth:  # EasyEdit lists aliases; the first is the name
        truth = truth[0]
    return Edit(
        subject=_text("subject", values.get("subject")),
        prompts=_texts(values, "prompts", needed=True),
        target_new=_answer(answer, values.get(answer)),
        relation=_text("relation", values["relation"]) if values.get("relation") else "",
        ground_truth=_text("ground_truth", truth) if truth else "",
        rephrase_prompts=_texts(values, "rephrase_prompts"),
        locality=_texts(values, "locality"),
        line=line,
    )


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", "give a file that can be read") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise McueditError(f"{path}:{line}: not UTF-8 (byte {error.object[error.start]:#04x})", _HINT) from error


def _refuse_array(text: str, path: Path) -> None:
    if text.lstrip()[:1] == "[":
        raise McueditError(f"{path}: a JSON array, not JSON lines", f"jq -c '.[]' {path} > lines.jsonl")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank; only \\n ends a line, as in the JSON Lines format."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.strip()


def _objects(text: str, report: _Report, known: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(text):
        values = _line(report, number, partial(_object, line))
        if values is None:
            continue
        for name in values:
            if name not in known:
                report.unknown.setdefault(name, []).append(number)
        yield number, values


def _object(line: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in pairs:
            name = _ALIASES.get(name, name)
            if name in values:
                raise _Field(name, "is given twice")
            values[name] = value
        return values

    try:
        values = json.loads(line, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON ({error.msg}, column {error.colno})") from error
    except RecursionError:
        raise ValueError("no JSON (nested too deeply)") from None
    if not isinstance(values, dict):
        raise ValueError(f"a JSON {type(values).__name__}, not an object")
    return values


def _line(report: _Report, number: int, make: Callable[[], _T]) -> _T | None:
    """What `make` makes of a line; None if it is malformed, and the report says why."""
    try:
        return make()
    except ValueError as error:
        report.problems.append(f"{report.source}:{number}: {error}")
        return None


def _text(name: str, value: Any) -> str:
    if value is None:
        raise _Field(name, "is missing")
    if not isinstance(value, str):
        raise _Field(name, f"is a {type(value).__name__}, not a string")
    text: str = value.strip()
    if not text:
        raise _Field(name, "is empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Field(name, "has a lone surrogate, which no UTF-8 can carry") from None
    return text


def _answer(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):  # a class number, for a base without labels
        value = str(value)
    text = _text(name, value)
    if any(ord(c) < 32 for c in text):
        raise _Field(name, "has a control character")
    return text


def _texts(values: dict[str, Any], name: str, *, needed: bool = False) -> tuple[str, ...]:
    """A field that is a list of prompts, or one prompt."""
    value = values.get(name)
    if value is None and not needed:
        return ()
    items = value if isinstance(value, list) else [value]
    if needed and not items:
        raise _Field(name, "is empty")
    texts = tuple(_text(name, item) for item in items)
    for text in texts:
        if not bag_of_words(text):
            raise _Field(name, f"has no word in {text!r}")
    return tuple(dict.fromkeys(texts))
