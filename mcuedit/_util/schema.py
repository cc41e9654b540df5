# SPDX-License-Identifier: Apache-2.0
"""What files may hold, as pydantic models, and pydantic's errors as those that users see: all of a file's at once."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mcuedit._util import bounded, textfile, visible
from mcuedit._util.errors import McueditError

Key = tuple[int | str, ...]
SHOWN = 20  # faults in one message
_JSON, _TOML = "field '{}'", "key {}"
_WANTED = {  # by pydantic's name of the error; of any other its own words
    "bool_type": "true or false",
    "bytes_type": "bytes in base64",
    "dict_type": "{table}",
    "float_type": "a number",
    "int_type": "an integer",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "{table}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "string_too_long": "a text of at most {max_length:,} characters",
    "string_too_short": "a text that is not empty",
    "string_type": "a text",
    "string_unicode": "a text without lone surrogates, which no UTF-8 can carry",
    "too_long": "at most {max_length:,} of them",
    "too_short": "a list that is not empty",
    "union_tag_invalid": "{expected_tags}",
    "value_error": "{error}",
}
_HEADER = re.compile(r"\s*\[(\[?)([^\[\]]+)\]")
_KEY = re.compile(r"\s*([\w-]+)\s*=")
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


class Form(BaseModel):
    """A table of a file: these keys and no other, and no value is taken for one of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def one_line(text: str) -> str:
    """For a field whose text is shown: it is one line, and nothing in it is obeyed or hidden."""
    if not visible.is_line(text):
        raise ValueError("a text without control characters, line ends and what hides or turns text")
    return text


Line = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(one_line)]  # what something is called
M = TypeVar("M", bound=BaseModel)


class Unfit(ValueError):
    """Keys of one table that do not go together.

    Args:
        faults: the key, as a.0.b where it lies deeper, and what was expected of it.
    """

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = tuple(faults)


def check(faults: Iterable[tuple[str, str]]) -> None:
    """For a model's own validator.

    Raises:
        Unfit: there are faults.
    """
    if unfit := Unfit(faults).faults:
        raise Unfit(unfit)


class Faults:
    """What is wrong with one file: the first faults in words, all of them counted.

    Args:
        hint: how to mend them.
    """

    def __init__(self, hint: str) -> None:
        self.count = 0
        self._hint, self._shown = hint, list[str]()

    def add(self, where: str, what: object) -> None:
        """One more."""
        self.count += 1
        if self.count <= SHOWN:
            self._shown.append(f"{where}: {told(what, deep=False) if isinstance(what, ValidationError) else what}")

    def raise_any(self) -> None:
        """Fails if there was one.

        Raises:
            McueditError: with the first of them and the number of the others.
        """
        if more := self.count - len(self._shown):
            self._shown.append(f"... and {more:,} more")
        if self.count:
            raise McueditError("\n".join(self._shown), self._hint)


def read_toml(path: Path, form: type[M], example: str) -> M:
    """A file as a model.

    Args:
        example: the file to look at.

    Raises:
        McueditError: it cannot be read or is no TOML, or names every key that is not as expected.
    """
    see = f"see {example} for the form"
    text = textfile.decode(bounded.read(path, bounded.CONFIG, see), str(path))
    try:
        raw = bounded.toml_table(text)
    except ValueError as error:
        raise McueditError(f"{path}: {error}", see) from error
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        faults, lines = Faults(f"mend the {path.name}; {see}"), _lines(text)
        for key, what in _each(error, "a table"):
            known = next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), 0)
            faults.add(f"{path}:{known}" if known else str(path), f"{_TOML.format(dotted(key))}: {what}")
        faults.raise_any()
        raise


def read_json(path: Path, form: type[M], hint: str) -> M:
    """The same of a file that is one JSON object.

    Raises:
        McueditError: it cannot be read, or names every field that is not as expected.
    """
    try:
        return form.model_validate_json(textfile.decode(bounded.read(path, bounded.CONFIG, hint), str(path)))
    except ValidationError as error:
        raise McueditError(f"{path}: {told(error)}", hint) from error


def told(error: ValidationError, *, deep: bool = True) -> str:
    """What is wrong with a JSON object, in a line.

    Args:
        deep: name the place within a field, too.
    """
    found = ((key if deep else key[:1], what) for key, what in _each(error, "an object"))
    each = [f"{_JSON.format(dotted(key))}: {what}" if key else what for key, what in found]
    return "; ".join(each[:SHOWN])


class FieldError(ValueError):
    """The same words for what is seen before a model is made."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{_JSON.format(name)}: {what}")


def dotted(key: Key) -> str:
    """A key as one would write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def _each(error: ValidationError, table: str) -> Iterator[tuple[Key, str]]:
    for one in error.errors(include_url=False):
        context: dict[str, Any] = one.get("ctx", {})
        unfit = context.get("error")
        if isinstance(unfit, Unfit):
            for key, wanted in unfit.faults:
                parts = (int(part) if part.isdigit() else part for part in key.split("."))
                yield (*one["loc"], *parts), f"expected {wanted}"
            continue
        match one["type"]:
            case "missing":
                what = "it is missing"
            case "extra_forbidden":
                what = "expected no such key (a slip of the pen?)"
            case "json_invalid":
                what = f"malformed JSON ({unfit})"
            case kind if kind in _WANTED:
                what = f"expected {_WANTED[kind].format(**context, table=table)}, found {_short.repr(one['input'])}"
            case _:
                what = f"{one['msg']}, found {_short.repr(one['input'])}"
        yield tuple(part for part in one["loc"] if part != "[key]"), what  # pydantic's mark of a mapping's key


def _lines(text: str) -> dict[Key, int]:
    """Where keys begin in a file as people write them: one a line, tables by their headers."""
    table: Key = ()
    seen: Counter[Key] = Counter()
    found: dict[Key, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = tuple(part.strip(" \"'") for part in header[2].split("."))
            if header[1]:
                seen[table] += 1
                table = (*table, seen[table] - 1)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1]), number)
    return found
