# SPDX-License-Identifier: Apache-2.0
"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mcuedit._util import bounded, system
from mcuedit._util.errors import McueditError

MARKER = ".mcuedit"  # lists the files of a folder that mcuedit wrote: these it may replace


def write_file(path: str | Path, data: bytes, *, private: bool = False) -> None:
    """Writes or replaces one file.

    Args:
        private: for its owner alone.

    Raises:
        McueditError: the place cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            _fill(file.fileno(), data)
        temporary.chmod(0o600 if private else 0o666 & ~_umask())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_folder(path: str | Path, files: Mapping[str, bytes | str], *, force: bool = False) -> None:
    """Writes a folder with exactly `files` (relative path to content) in it, in place of an earlier one of ours.

    The folder is filled beside its place and renamed into it. A folder with files in it that mcuedit did not write
    is left alone unless `force` is given.

    Raises:
        McueditError: the place is taken or cannot be written, or a name leads out of the folder.
    """
    path = resolved(Path(path))
    require_free(path, force)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        new, old = temporary / "new", temporary / "old"
        new.mkdir()
        for name, content in {**files, MARKER: "".join(f"{name}\n" for name in sorted(files))}.items():
            _write_below(new, name, content.encode() if isinstance(content, str) else content)
        _sync_folder(new)
        _swap(new, path, old)
        _sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            _remove(temporary)


def resolved(path: Path) -> Path:
    """The path without links.

    Raises:
        McueditError: they lead in a circle.
    """
    try:
        return path.resolve()
    except RuntimeError as error:
        raise McueditError(f"{path}: links that lead in a circle", "choose another place") from error


def _swap(new: Path, path: Path, old: Path) -> None:
    """Puts `new` at `path`; what was there is back if that fails or is interrupted.

    Where the system exchanges folders there is no moment without one, whatever ends the process.
    """
    replaced = path.exists()
    if replaced and system.exchange(new, path):
        return
    try:
        if replaced:
            path.rename(old)
        new.rename(path)
    except BaseException:
        if replaced and old.exists() and not path.exists():
            old.rename(path)
        raise


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:  # Ctrl-C in the middle of it
        shutil.rmtree(folder, ignore_errors=True)
        raise


def require_free(path: Path, force: bool) -> None:
    """Whether `write_folder` would write there; to be asked before long work.

    Args:
        path: absolute, without links.

    Raises:
        McueditError: a file is there, or a folder that mcuedit may not replace.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise McueditError(f"{path}: is a file, not a folder", "choose another place")
    for place, what in (Path.cwd(), "the current folder"), (system.home(), "your home"):
        if place is not None and place.resolve().is_relative_to(path):
            raise McueditError(f"{path}: {what} is in it", "choose a folder of its own")
    foreign = [] if force else _foreign(path)
    if foreign:
        raise McueditError(f"{path}: {foreign[0]} was not written by mcuedit", "choose another folder or pass --force")


def _foreign(path: Path) -> list[str]:
    """Files below `path` that its marker does not list."""
    marker = path / MARKER
    lines = bounded.read(marker, bounded.CONFIG, "pass --force").splitlines() if marker.is_file() else None
    ours = {MARKER, *(line.decode("utf-8", "surrogateescape") for line in lines)} if lines is not None else set()
    names = (p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_symlink() or not p.is_dir())
    return sorted(name for name in names if name not in ours)


def _write_below(root: Path, name: str, data: bytes) -> None:
    path = root / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise McueditError(f"{name!r} leads out of the folder", "use a relative path")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        _fill(file.fileno(), data)


def _fill(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
    os.fsync(handle)


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # folders have no handle there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot_write(path: Path, error: OSError) -> McueditError:
    seen = system.told(error)
    hint = seen.hint if seen and error.errno in system.FULL else "choose a place you may write to"
    return McueditError(f"{path}: cannot be written ({error.strerror or error})", hint)
