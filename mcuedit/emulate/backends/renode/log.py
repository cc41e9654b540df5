# SPDX-License-Identifier: Apache-2.0
"""What Renode writes to its log file: the only place where it says that a core gave up."""

from __future__ import annotations

import re
from pathlib import Path

_ERROR = re.compile(r"\[ERROR\] (.*)")
_ABORT = "CPU abort"
_PASSING = "ownload"  # of descriptions of registers, which are for its log alone
_SHOWN = 200


class Growing:
    """A file that another program writes; it may not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def more(self) -> bytes:
        """What was added since the last look."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                found = file.read()
        except FileNotFoundError:
            return b""
        self._read += len(found)
        return found


class Log(Growing):
    """A log file that grows; it may not be there yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rest = ""
        self._error = self._abort = ""

    @property
    def error(self) -> str:
        """The last error so far; nothing if there was none."""
        self._follow()
        return self._error

    @property
    def abort(self) -> str:
        """Why Renode stopped the core, which does nothing from then on; nothing if it did not."""
        self._follow()
        return self._abort

    def _follow(self) -> None:
        *lines, self._rest = (self._rest + self.more().decode("utf-8", "replace")).split("\n")
        for line in lines:
            said = _ERROR.search(line)
            if said and _PASSING not in said[1]:
                self._error = said[1].strip()[:_SHOWN]
                if _ABORT in said[1]:
                    self._abort = self._error
