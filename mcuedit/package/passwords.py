# SPDX-License-Identifier: Apache-2.0
"""Passwords of private keys: from the environment, or asked for where a person sits. They are never an argument."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from mcuedit._util import visible
from mcuedit._util.errors import McueditError

VARIABLE = "MCUEDIT_KEY_PASSWORD"


def of(path: Path) -> bytes:
    """The password of a key that has one.

    Raises:
        McueditError: it is not in the environment, and nobody can be asked.
    """
    return _given() or _asked(f"password of {path}: ", f"{path}: the key has a password")


def new(path: Path) -> bytes:
    """The password of a key that is to be made; asked for twice.

    Raises:
        McueditError: nobody can be asked, it is empty, or the second one is another one.
    """
    if given := _given():
        return given
    what = f"{path}: the key is to have a password"
    first = _asked(f"new password of {path}: ", what)
    if not first:
        raise McueditError(f"{path}: an empty password", "type one, or leave --password out")
    if _asked("the same once more: ", what) != first:
        raise McueditError(f"{path}: the two passwords differ", "try again")
    return first


def _given() -> bytes:
    return os.fsencode(os.environ.get(VARIABLE, ""))


def _asked(prompt: str, what: str) -> bytes:
    if not (sys.stdin and sys.stdin.isatty()):
        raise McueditError(what, f"{VARIABLE} in the environment gives it, or run this at a terminal")
    try:
        return os.fsencode(getpass.getpass(visible.line(prompt)))
    except EOFError:
        raise McueditError(what, "type it, and press enter") from None
