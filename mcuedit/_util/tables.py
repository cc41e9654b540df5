# SPDX-License-Identifier: Apache-2.0
"""TOML tables that know where they stand and which of their keys were read, so that errors name the key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NoReturn

from mcuedit._util import textfile
from mcuedit._util.errors import McueditError


def read(path: Path, example: str) -> Table:
    """The root table of a file.

    Raises:
        McueditError: it cannot be read, or is no TOML; `example` is the file to look at.
    """
    try:
        raw = tomllib.loads(textfile.read(path, f"see {example} for the form"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else error
        raise McueditError(f"{path}: {what}", f"see {example} for the form") from error
    return Table(path, "", raw)


class Table:
    """One table. What reads a key raises a McueditError that names file and key where it is not as expected."""

    def __init__(self, path: Path, prefix: str, raw: dict[str, Any]) -> None:
        self._path, self._prefix, self._raw = path, prefix, raw
        self._read: set[str] = set()

    def fail(self, key: str, expected: str) -> NoReturn:
        """Refuses the value of a key."""
        raise McueditError(f"{self._path}: key {self._prefix}{key}: expected {expected}", f"mend the {self._path.name}")

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str) -> Any:
        self._read.add(key)
        value = self._raw.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            found = "it is missing" if value is None else f"found {value!r}"
            self.fail(key, f"{expected}, {found}")
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._raw

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = str(self._get(key, str, "a text"))
        if not value:
            self.fail(key, "a text that is not empty")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, at least one."""
        values = self._get(key, list, "a list of texts")
        if not values or not all(isinstance(value, str) for value in values):
            self.fail(key, f"a list of texts, found {values!r}")
        return tuple(values)

    def integer(self, key: str) -> int:
        """An integer of 32 bits without sign."""
        value = int(self._get(key, int, "an integer"))
        if not 0 <= value < 1 << 32:
            self.fail(key, f"an integer of 32 bits, found {value}")
        return value

    def number(self, key: str) -> float:
        """A number."""
        return float(self._get(key, (int, float), "a number"))

    def table(self, key: str) -> Table:
        """The table below a key."""
        return Table(self._path, f"{self._prefix}{key}.", self._get(key, dict, "a table"))

    def tables(self) -> dict[str, Table]:
        """All values, which must be tables."""
        return {key: self.table(key) for key in self._raw}

    def records(self, key: str) -> list[Table]:
        """The tables of a list."""
        values = self._get(key, list, "a list of tables")
        if not all(isinstance(value, dict) for value in values):
            self.fail(key, "a list of tables")
        return [Table(self._path, f"{self._prefix}{key}[{i}].", value) for i, value in enumerate(values)]

    @property
    def keys(self) -> list[str]:
        """Its keys, as they stand in the file."""
        return list(self._raw)

    def refuse_unknown(self) -> None:
        """Fails if a key was not read."""
        for key in self._raw.keys() - self._read:
            self.fail(key, "no such key (a slip of the pen?)")
