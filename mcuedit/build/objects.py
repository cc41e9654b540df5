# SPDX-License-Identifier: Apache-2.0
"""Object files that were compiled before, kept in the user's cache by what they were made from.

The name of one is a hash of the compiler, its options, and the content of the source and of each file that it may
include. Paths are no part of it: the same source in another folder is the same object. What is kept is bounded, checked
when it is read, and never needed: without a cache that can be written, everything is compiled.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path

from mcuedit._util import system
from mcuedit._util.errors import McueditError

_log = logging.getLogger(__name__)

_SHELF_BYTES = 16 << 20  # of each of 16 folders
_DIGEST = hashlib.sha256().digest_size
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include\b[ \t]*(?:["<]([^">\n]+)[">])?', re.MULTILINE)
_HEEDED = ("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "SOURCE_DATE_EPOCH")


def once(command: Sequence[str], arguments: Sequence[str], folder: Path, make: Callable[[], None]) -> None:
    """Puts an object in its place as it is kept, else by `make`, and keeps it.

    Args:
        command: the compiler.
        arguments: of one call of it in `folder`, with -c, one source and -o.
    """
    found = _key(command, arguments, folder)
    if found is None:
        make()
        return
    key, target = found
    with ExitStack() as stack:
        shelf: Path | None = None
        with suppress(OSError, McueditError):  # no home, read-only, full
            shelf = system.cache() / "objects" / key[0]
            shelf.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(shelf / f".{key[1]}"))  # who waits finds the object
        if shelf is not None and _take(shelf / key, target):
            _log.debug("%s: kept from an earlier build", target.name)
        else:
            make()
            if shelf:
                with suppress(OSError):
                    _keep(target.read_bytes(), shelf / key)


def _key(command: Sequence[str], arguments: Sequence[str], folder: Path) -> tuple[str, Path] | None:
    """The name of what is made, and where it goes; None where that cannot be told."""
    options, sources, folders, target = [], [], [folder], None
    rest = iter(arguments)
    for argument in rest:
        if argument == "-o":
            target = folder / next(rest)
        elif argument in ("-I", "-isystem"):
            folders.append(folder / next(rest))
        elif argument.startswith("-I"):
            folders.append(folder / argument[2:])
        elif argument.endswith((".c", ".cc")):
            sources.append(folder / argument)
        else:
            options.append(argument)
    if "-c" not in options or "-include" in options or len(sources) != 1 or target is None:
        return None
    files = _reachable(sources[0], folders[1:])
    if files is None:
        return None
    heeded = [os.environ.get(name) for name in _HEEDED]
    parts = [_identity(tuple(command)), list(command[1:]), options, heeded, sources[0].name, files]
    return hashlib.sha256(repr(parts).encode()).hexdigest(), target


def _reachable(source: Path, folders: Sequence[Path]) -> list[tuple[str, bytes]] | None:
    """Name and hash of the source and of each file that may be meant by an include, in the order of the search.

    Files of the compiler and of its libraries are not among them: they go with its version.
    """
    waiting, seen, found = [("", source)], {source}, []
    while waiting:
        name, path = waiting.pop()
        try:
            state = path.stat()
            digest, includes = _read(path, state.st_mtime_ns, state.st_size)
        except OSError:
            return None
        found.append((name, digest))
        for include in includes:
            if include is None:  # by a macro
                return None
            for place in (path.parent, *folders):
                candidate = place / include
                if candidate not in seen and candidate.is_file():
                    seen.add(candidate)
                    waiting.append((include, candidate))
    return found


@lru_cache(1 << 12)
def _read(path: Path, changed: int, size: int) -> tuple[bytes, tuple[str | None, ...]]:
    """Hash and includes of a file."""
    data = path.read_bytes()
    names = dict.fromkeys(name.decode("utf-8", "replace") or None for name in _INCLUDE.findall(data))
    return hashlib.sha256(data).digest(), tuple(names)


@cache
def _identity(command: tuple[str, ...]) -> str:
    """Which compiler that is."""
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, errors="replace", check=False).stdout
    program = Path(shutil.which(command[0]) or command[0])
    return f"{said} {program.stat().st_size if program.is_file() else 0}"


def _take(kept: Path, target: Path) -> bool:
    try:
        data = kept.read_bytes()
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return False
        os.utime(kept)  # used lately
        target.write_bytes(data[_DIGEST:])
    except OSError:
        return False
    return True


def _keep(data: bytes, kept: Path) -> None:
    """Appears whole; what was not used for longest goes, if it gets too much."""
    handle, name = tempfile.mkstemp(prefix=".new", dir=kept.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        Path(name).replace(kept)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    states = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in kept.parent.glob("[0-9a-f]*"))
    total = sum(size for _, size, _ in states)
    for _, size, path in states:
        if total <= _SHELF_BYTES:
            break
        path.unlink(missing_ok=True)
        total -= size


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One at a time, of all processes; not on Windows, where two may compile the same."""
    with path.open("wb") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
