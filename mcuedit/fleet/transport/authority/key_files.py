# SPDX-License-Identifier: Apache-2.0
"""Keys of many devices as a TOML file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError

_OTHERS = 0o077


@dataclass(frozen=True)
class KeyFile:
    """What a file says.

    Attributes:
        table: as TOML has it; nothing in it is checked.
        mode: of the file that was read, whatever happened to its name meanwhile.
    """

    path: Path
    table: dict[str, Any]
    mode: int

    @classmethod
    def read(cls, path: Path, form: str) -> KeyFile:
        """Reads one.

        Args:
            form: what it should be, as a hint.

        Raises:
            McueditError: it cannot be read, is too large, or no TOML.
        """
        try:
            data, mode = bounded.with_mode(path, bounded.CONFIG)
            return cls(path, bounded.toml_table(data.decode()), stat.S_IMODE(mode))
        except OSError as error:
            raise McueditError(f"{path}: {error.strerror or error}", form) from error
        except ValueError as error:  # UnicodeDecodeError is one
            raise McueditError(f"{path}: no TOML: {error}", form) from error

    def check_private(self) -> None:
        """Secrets are for their owner.

        Raises:
            McueditError: others may read them.
        """
        if os.name == "posix" and self.mode & _OTHERS:
            raise McueditError(
                f"{self.path}: others may read these keys (mode {self.mode:04o})",
                f"chmod 600 {self.path}, and give the devices new keys if others may have seen them",
            )
