# SPDX-License-Identifier: Apache-2.0
"""The objects of a JSON Lines file or of a JSON array, and a report of what is wrong with them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from mcuedit._util import schema, textfile
from mcuedit._util.errors import McueditError

_T = TypeVar("_T")
_MAX_ARRAY = 64 << 20  # characters: CounterFact has 45 MB
_BETWEEN = re.compile(r"[ \t\n\r]*")


class Report:
    """What is wrong and what is worth a note in one file.

    Args:
        hint: how to mend what is wrong.
    """

    def __init__(self, source: str, hint: str) -> None:
        self.source = source
        self._faults = schema.Faults(hint)
        self._unknown: dict[str, tuple[int, int]] = {}  # the first line, and how many

    def add(self, number: int, problem: object) -> None:
        """One more malformed line."""
        self._faults.add(f"{self.source}:{number}", problem)

    def see(self, number: int, name: str) -> None:
        """An unknown field."""
        first, count = self._unknown.get(name, (number, 0))
        self._unknown[name] = first, count + 1

    def raise_any(self) -> None:
        """Fails if a line was malformed."""
        self._faults.raise_any()

    def notes(self) -> tuple[str, ...]:
        """One for each unknown field."""
        shown = list(self._unknown.items())[: schema.SHOWN]
        return tuple(
            f"{self.source}: unknown field {name[:60]!r} is ignored"
            f" (line {first}{f' and {count - 1} more' if count > 1 else ''})"
            for name, (first, count) in shown
        )

    def attempt(self, number: int, make: Callable[[], _T]) -> _T | None:
        """What `make` makes of a line; None if that is malformed, and the report says why."""
        try:
            return make()
        except ValueError as error:
            self.add(number, error)
            return None


def values(text: str, report: Report) -> Iterator[tuple[int, Any]]:
    """Every JSON value with the line it begins on: of an array if the text begins with one, else a value a line.

    Raises:
        McueditError: it is neither, but jq makes lines of it; the hint says how.
    """
    array = text.lstrip()[:1] == "["
    for number, value in _array(text, report) if array else _lines(text, report):
        if isinstance(value, dict) and isinstance(value.get("requested_rewrite"), list):  # MQuAKE
            program = f"{'.[] | ' if array else ''}.requested_rewrite[] | {{requested_rewrite: .}}"
            raise McueditError(f"{report.source}:{number}: several edits in an object", _jq(program, report.source))
        yield number, value


def _lines(text: str, report: Report) -> Iterator[tuple[int, Any]]:
    decoder = _Decoder()
    _refuse_spread(decoder, text, report.source)
    for number, line in textfile.lines(text, report.source):
        found = report.attempt(number, partial(_value, decoder, line))
        if found is not None:
            yield number, found[0]


def _value(decoder: _Decoder, line: str) -> tuple[Any]:
    """In a tuple, as null is a value."""
    value, end = decoder.at(line, 0)
    if end < len(line):
        raise ValueError(f"no JSON (Extra data, column {end + 1})")
    return (value,)


class _Decoder:
    """JSON whose objects have each name once."""

    def __init__(self) -> None:
        self._twice = ""
        self._json = json.JSONDecoder(object_pairs_hook=self._unique)

    def at(self, text: str, place: int) -> tuple[Any, int]:
        """The value at a place, and where it ends.

        Raises:
            ValueError: there is none.
        """
        self._twice = ""
        try:
            found = self._json.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise ValueError(f"no JSON ({error.msg}, column {error.colno})") from error
        except RecursionError:
            raise ValueError("no JSON (nested too deeply)") from None
        if self._twice:
            raise schema.FieldError(self._twice, "it is given twice")
        return found

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            self._twice = next(name for name in names if names.count(name) > 1)
        return made


def _array(text: str, report: Report) -> Iterator[tuple[int, Any]]:
    if len(text) > _MAX_ARRAY:
        raise McueditError(
            f"{report.source}: a JSON array of more than {_MAX_ARRAY >> 20} MB", _jq(".[]", report.source)
        )
    decoder = _Decoder()
    at, line, seen, count = _skip(text, text.index("[") + 1), 1, 0, 0
    while text[at : at + 1] != "]":
        line, seen = line + text.count("\n", seen, at), at
        try:
            value, at = decoder.at(text, at)
        except ValueError as error:  # where the next one begins is unknown
            report.add(line, error)
            return
        count += 1
        if count > textfile.MAX_LINES:
            raise textfile.too_many(report.source, "more objects in an array")
        yield line, value
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            report.add(line + text.count("\n", seen, at), "no JSON (the array has no end)")
            return
    if text[at + 1 :].strip():
        report.add(line + text.count("\n", seen, at), "no JSON (something follows the array)")


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _refuse_spread(decoder: _Decoder, text: str, source: str) -> None:
    """Refuses an object that takes several lines or has the edits in one of its fields."""
    start = _skip(text, 0)
    line = text.find("\n", start)
    if text[start : start + 1] != "{" or (line < 0 and len(text) > _MAX_ARRAY) or line - start > textfile.MAX_LINE:
        return
    try:
        value, end = decoder.at(text, start)
    except ValueError:
        return
    nested = [n for n, v in value.items() if isinstance(v, list) and v and all(isinstance(x, dict) for x in v)]
    if len(value) == 1 and nested:
        program = f".[{json.dumps(nested[0])}][]"
        raise McueditError(f"{source}: an object around the edits, not JSON lines", _jq(program, source))
    if 0 <= line < end:
        raise McueditError(f"{source}: JSON objects over several lines, not JSON lines", _jq(".", source))


def _jq(program: str, source: str) -> str:
    return f"jq -c {shlex.quote(program)} {shlex.quote(source)} > lines.jsonl"
