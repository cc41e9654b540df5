# SPDX-License-Identifier: Apache-2.0
"""This machine: temporary folders, code that is loaded from them, and what to say when it has no room or no leave."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from mcuedit._util.errors import McueditError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LEAVE = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_PLACE = {errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENXIO, errno.EIO}
_HINTS = {
    **dict.fromkeys(_NO_PLACE, "give another path"),
    **dict.fromkeys(FULL, "free some space, or choose a place that has more; TMPDIR=DIR names that of temporary files"),
    **dict.fromkeys(_NO_LEAVE, "choose a place that you may write to; TMPDIR=DIR names that of temporary files"),
    errno.EMFILE: "raise the limit of open files: ulimit -n",
    errno.ENOMEM: "close other programs",
}
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of linux/fs.h
_NO_CODE = "TMPDIR=DIR names a folder on a file system that is not mounted noexec"


def told(error: OSError, place: str = "") -> McueditError | None:
    """What a user reads of an error of the machine's; None for any other error."""
    if error.errno not in _HINTS:
        return None
    where = place or str(error.filename or "") or "a file"
    return McueditError(f"{where}: {error.strerror}", _HINTS[error.errno])


def exchange(one: Path, other: Path) -> bool:
    """Has two files or folders change places at once; False where the system cannot, and nothing happened."""
    if sys.platform != "linux":
        return False
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    return call is not None and call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def home() -> Path | None:
    """The user's folder, if there is one."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def cache(program: str = "mcuedit") -> Path:
    """The folder of what a program can have again; it need not exist.

    Raises:
        McueditError: there is no home.
    """
    return _found(lambda: platformdirs.user_cache_path(program, appauthor=False), "XDG_CACHE_HOME")


def data() -> Path:
    """The folder of what a user wants to keep; it need not exist.

    Raises:
        McueditError: there is no home.
    """
    return _found(lambda: platformdirs.user_data_path("mcuedit", appauthor=False), "XDG_DATA_HOME")


def state() -> Path:
    """The folder of what is kept for a look when something went wrong; it need not exist.

    Raises:
        McueditError: there is no home.
    """
    return _found(lambda: platformdirs.user_state_path("mcuedit", appauthor=False), "XDG_STATE_HOME")


def _found(ask: Callable[[], Path], variable: str) -> Path:
    with suppress(RuntimeError):  # no home
        if (path := ask()).is_absolute():
            return path
    raise McueditError(f"neither {variable} nor a home folder is there", f"set HOME or {variable}")


@contextmanager
def telling(place: str = "") -> Iterator[None]:
    """Turns errors of the machine's into those that users see."""
    try:
        yield
    except OSError as error:
        if (seen := told(error, place)) is None:
            raise
        raise seen from error


def folder(*, runs: bool = False) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder, removed by `cleanup` or at the end of a with block.

    Args:
        runs: programs or libraries in it are to run.

    Raises:
        McueditError: there is no place for one, or nothing can run there.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="mcuedit-")
    except OSError as error:
        hint = "TMPDIR=DIR names a folder that you may write to and that has room"
        raise McueditError(f"no place for temporary files: {error.strerror or error}", hint) from error
    if runs and _is_noexec(made.name):
        place = Path(made.name).parent
        made.cleanup()
        raise McueditError(f"{place}: mounted noexec, code that is built there cannot run", _NO_CODE)
    return made


@contextmanager
def loading(path: Path) -> Iterator[None]:
    """While code of ours is loaded or started.

    Raises:
        McueditError: the machine does not let it run.
    """
    try:
        yield
    except OSError as error:
        raise McueditError(f"{path}: cannot be run ({error.strerror or error})", _NO_CODE) from error


def _is_noexec(place: str) -> bool:
    if os.name != "posix":
        return False
    return bool(os.statvfs(place).f_flag & getattr(os, "ST_NOEXEC", 0))
