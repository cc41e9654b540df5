# SPDX-License-Identifier: Apache-2.0
"""stdout and stderr of this process: what they cannot encode is escaped, and a reader that left ends it quietly.

Broken pipes are caught where bytes leave, and nowhere else: a transport that breaks is an error of its own, and
the libraries that print have ideas of their own about a pipe that breaks.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from mcuedit._util.errors import McueditError

CUT = 141  # exit code, as a shell gives it for SIGPIPE


class _Bytes(io.FileIO):
    """A descriptor that is not ours to close."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            with Path(os.devnull).open("wb") as nowhere:  # takes what is still buffered
                os.dup2(nowhere.fileno(), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise SystemExit(CUT) from None
            name = {1: "stdout", 2: "stderr"}.get(self.fileno(), "the output")
            raise McueditError(f"{name}: {error.strerror}", "send it to another place") from error


def guard() -> None:
    """Has both streams do so; for a process that is ours alone."""
    sys.stdout, sys.stderr = _guarded(sys.stdout), _guarded(sys.stderr)


def _guarded(stream: TextIO | None) -> TextIO:
    if stream is None:  # it was closed before we began
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or os.name == "nt":
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Bytes(stream.fileno(), "wb", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
    )


def json_line(text: str) -> str:
    """JSON as stdout can encode it: with \\u escapes where need be, which are JSON, too."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text))
    return text
