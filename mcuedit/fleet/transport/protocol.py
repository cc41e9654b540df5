# SPDX-License-Identifier: Apache-2.0
"""Numbers and keys of the messages, from the header that the device is compiled with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TypeVar

from mcuedit._util import resources
from mcuedit._util.errors import McueditError

T = TypeVar("T")

_ENTRY = re.compile(r'X\(\s*(\w+)\s*,\s*(-?\d+)\s*,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')
_KEY = re.compile(r'#define MCUEDIT_SMP_KEY_(\w+)\s+"(\w+)"')
_GROUP = re.compile(r"#define MCUEDIT_SMP_GROUP\s+(\d+)")


def entries(header: str) -> list[tuple[str, int, str]]:
    """The X(name, value, "text") of a header of firmware/include/mcuedit, in its order."""
    found = _ENTRY.findall(_text(header))
    return [(name, int(value), "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))) for name, value, text in found]


@cache
def commands() -> Mapping[str, int]:
    """Command name, as in "ACTIVATE" or "IMAGE_UPLOAD", to its number."""
    return {name: number for name, number, _ in entries("smp_protocol.h")}


@cache
def fields() -> Mapping[str, str]:
    """Name of a field, as in "minimum_counter", to the key that stands for it in a message."""
    return {name.lower(): key for name, key in _KEY.findall(_text("smp_protocol.h"))}


@cache
def classes() -> Mapping[str, int]:
    """Class of commands that a policy tells apart, as in "ACTIVATE", to its number."""
    return {name: number for name, number, _ in entries("authority.h")}


def command(name: str) -> int:
    """The number of a command.

    Raises:
        McueditError: there is none of this name.
    """
    return _found(commands(), name)


def key(field: str) -> str:
    """The key of a field.

    Raises:
        McueditError: there is none of this name.
    """
    return _found(fields(), field)


def group() -> int:
    """The group of the commands that are mcuedit's own."""
    return int(_GROUP.findall(_text("smp_protocol.h"))[0])


def _found(table: Mapping[str, T], name: str) -> T:
    if name not in table:
        raise McueditError(f"no {name} in firmware/include/mcuedit/smp_protocol.h", "install mcuedit again")
    return table[name]


def _text(header: str) -> str:
    path = resources.path("firmware") / "include" / "mcuedit" / header
    return path.read_text("utf-8").replace("\\\n", " ")
