# SPDX-License-Identifier: Apache-2.0
"""Text files as people have them: any byte order mark and line ends, UTF-8 or marked UTF-16, and of bounded size."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError

MAX_LINE = 1 << 20  # characters
MAX_LINES = 1 << 18  # that are taken one by one: far more than edits, facts or prompts that can be kept in memory
_MAX_FILE = 512 << 20  # bytes


def read(path: Path, hint: str = "give a file that can be read") -> str:
    r"""The text of a file, without its byte order mark, with \n alone as line end.

    Raises:
        McueditError: it cannot be read, is too large, or is no text; with its line and byte.
    """
    return decode(bounded.read(path, _MAX_FILE, hint), str(path))


def decode(data: bytes, name: str) -> str:
    """As `read`, of bytes that were read already."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        what = f"not UTF-{16 if wide else 8} (byte {byte:#04x})"
        raise McueditError(f"{name}:{line}: {what}", "save it as UTF-8") from error
    if (at := text.find("\0")) >= 0:
        raise McueditError(f"{name}:{text.count(chr(10), 0, at) + 1}: a NUL byte", "give a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def lines(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank, without blanks around them.

    Raises:
        McueditError: they are too many, or one is too long.
    """
    if (count := text.count("\n")) > MAX_LINES:
        raise too_many(name, f"{count:,} lines")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE:
            message = f"{name}:{number}: a line of {len(line):,} characters, at most {MAX_LINE:,}"
            raise McueditError(message, "is it the right file?")
        if stripped := line.strip():
            yield number, stripped


def too_many(name: str, what: str) -> McueditError:
    """The error about a file of more lines or objects than are read."""
    return McueditError(f"{name}: {what}, at most {MAX_LINES:,} are read", f"split it: split -l {MAX_LINES} FILE")
