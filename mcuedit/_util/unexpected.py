# SPDX-License-Identifier: Apache-2.0
"""What becomes of an exception that nobody expected: its traceback goes to a file, and users read where it is."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from mcuedit._util import system, visible
from mcuedit._util.errors import McueditError

_MOST = 20  # files that are kept
_SHOWN = 200  # characters of what the exception says
_REPORT = "this is a fault of mcuedit: report it with that file and what it was given (a hole: as SECURITY.md says)"


def told(error: BaseException) -> McueditError:
    """What a user reads of it, once its traceback is kept."""
    if isinstance(error, MemoryError):
        return McueditError("out of memory", "close other programs, or give it less at once")
    said = visible.line(str(error))
    what = type(error).__name__ + (f": {said[:_SHOWN]}" if said else "")
    file = _kept(error)
    where = f"its traceback is in {file}" if file else "its traceback could be written nowhere"
    return McueditError(f"unexpected {what}; {where}", _REPORT)


def _kept(error: BaseException) -> Path | None:
    """The file: in the user's folder of states, or else among temporary files; None if neither can be written."""
    text = "".join(
        (
            f"mcuedit {_version()}, Python {platform.python_version()}, {platform.platform()}\n",
            f"{sys.argv}\n\n",
            visible.text("".join(traceback.format_exception(error))),
        )
    )
    places: tuple[Callable[[], Path], ...] = (system.state, lambda: Path(tempfile.gettempdir()))
    for place in places:
        with suppress(OSError, McueditError):
            return _written(place(), text)
    return None


def _written(folder: Path, text: str) -> Path:
    """A new file that its owner alone may read; the oldest ones go."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    handle, name = tempfile.mkstemp(".txt", f"traceback-{stamp}-", folder)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    for old in sorted(folder.glob("traceback-*.txt"))[:-_MOST]:
        old.unlink(missing_ok=True)
    return Path(name)


def _version() -> str:
    from mcuedit import __version__

    return __version__
