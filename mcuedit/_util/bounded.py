# SPDX-License-Identifier: Apache-2.0
"""Files of others, read up to a size and JSON down to a depth: what is more is an error that names the limit."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any, BinaryIO, Literal

from mcuedit._util.errors import McueditError

MB = 1 << 20
CONFIG = 4 * MB  # of one TOML or JSON object: board.toml, fleet.toml of 40,000 devices, adapter_config.json
DEVICE = 64 * MB  # of device bytes and packages, which are far smaller, and of what is given instead of one
TENSORS = 256 * MB  # of the factors of an adapter
MODEL = 512 * MB  # of a .tflite
ARRAYS = 2048 * MB  # of an .npz, unpacked
RESULTS = 512 * MB  # of the results of a roll-out
KEY = 1 << 16
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_DIGITS = 9
_DEEP = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){64}""")  # keys of more parts
_ASK = "is it the right file?"


def opened(path: Path, mode: Literal["rb", "ab"] = "rb") -> BinaryIO:
    """A file as `open` gives it, which waits for nobody: a named pipe without another end is empty, or an OSError."""
    return open(path, mode, opener=_at_once)


def _at_once(name: str, flags: int) -> int:
    handle = os.open(name, flags | _NO_WAIT, 0o666)
    if _NO_WAIT:
        os.set_blocking(handle, True)  # whoever is at the other end is waited for
    return handle


def read(path: Path, most: int, hint: str) -> bytes:
    """The bytes of a file.

    Raises:
        McueditError: it cannot be read, or is larger than `most` bytes.
    """
    try:
        return data(path, most)
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", hint) from error


def data(path: Path, most: int) -> bytes:
    """The same, and an OSError if it cannot be read.

    Raises:
        McueditError: it is larger than `most` bytes.
    """
    return with_mode(path, most)[0]


def with_mode(path: Path, most: int) -> tuple[bytes, int]:
    """The same with the mode of the very file that was read."""
    with opened(path) as file:
        found, mode = file.read(most + 1), os.fstat(file.fileno()).st_mode
    if len(found) > most:
        raise McueditError(f"{path}: larger than {shown(most)}, the limit for such a file", _ASK)
    return found, mode


def shown(size: int) -> str:
    """A limit in words."""
    return f"{size // MB:,} MB" if size >= MB else f"{size // 1024:,} KB"


def json_object(data: str | bytes, name: str, hint: str) -> dict[str, Any]:
    """A JSON object that is not checked further here.

    Raises:
        McueditError: it is none, nested too deeply, or has numbers that are none (NaN, Infinity).
    """
    try:
        found = json.loads(data, parse_constant=_no_constant)
    except RecursionError:
        raise McueditError(f"{name}: JSON that is nested too deeply", hint) from None
    except ValueError as error:  # UnicodeDecodeError is one
        raise McueditError(f"{name}: no JSON ({error})", hint) from error
    if not isinstance(found, dict):
        raise McueditError(f"{name}: no JSON object", hint)
    return found


def toml_table(text: str) -> dict[str, Any]:
    """A TOML document that is not checked further here.

    Raises:
        ValueError: it is none, nested too deeply, or has a number that is too long.
    """
    if _DEEP.search(text):  # the time that the library takes is the square of a key's parts
        raise ValueError("nested too deeply")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        if isinstance(error, tomllib.TOMLDecodeError):
            raise
        raise ValueError("a number of too many digits") from None


def whole(text: str) -> int | None:
    """The number that a text is in a few digits; None if it is anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
