# SPDX-License-Identifier: Apache-2.0
"""Where Renode is, and which one it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from mcuedit._util.errors import McueditError

PROGRAM, VARIABLE = "renode", "RENODE"
_ANSWER, _SAID = 120, 80  # seconds for its version; characters of what it says instead


def find() -> str:
    """Path of the program: RENODE (the program or its folder), or what is on PATH.

    Raises:
        McueditError: it is not installed, or not where RENODE says.
    """
    path = program()
    if path is None:
        given = os.environ.get(VARIABLE)
        what = f"{VARIABLE}={given} is neither renode's program nor its folder" if given else "renode is not installed"
        raise McueditError(what, f"get it from renode.io and set {VARIABLE} or PATH")
    return path


def program(name: str = PROGRAM) -> str | None:
    """Path of Renode, or of another program beside it; None if it is not there."""
    given = os.environ.get(VARIABLE)
    if not given:
        return shutil.which(name)
    folder = given if Path(given).is_dir() else str(Path(given).parent)
    return given if name == PROGRAM and Path(given).is_file() else shutil.which(name, path=folder)


def version() -> str:
    """Its version.

    Raises:
        McueditError: as `find`, or the program is none or says none.
    """
    path = find()
    hint = f"run {path} --version by hand; {VARIABLE} names another one"
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=_ANSWER
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise McueditError(f"{path}: {getattr(error, 'strerror', None) or error}", hint) from error
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    found = re.search(r"v?(\d+\.\d+[.\d]*)", said) if done.returncode == 0 else None
    if found is None:
        raise McueditError(f"{path} --version says {said.strip()[-_SAID:]!r}, exit code {done.returncode}", hint)
    return found[1]
