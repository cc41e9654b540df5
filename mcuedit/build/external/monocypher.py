# SPDX-License-Identifier: Apache-2.0
"""Monocypher's sources, of which firmware/crypto makes Ed25519: the user's, or those of a package on PyPI, kept."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util import system
from mcuedit._util.atomic import write_folder
from mcuedit._util.errors import McueditError

ROOT = "MONOCYPHER_ROOT"
PACKAGE, VERSION = "pymonocypher", "4.0.3.4"  # of Monocypher 4.0.3
SHA256 = "5e56e3d3eb770a53e0b9f6274146663c11a11f3d0de5cd48e3be0428d1b07a4a"  # of its sdist
SOURCE_FLAGS = ("-std=gnu11", "-w")  # its warnings are its authors' affair
_FILES = {
    "monocypher.c": "57eb914fc88136119bd41655cccb8c250048bf54d470540625186f8ab16f64be",
    "monocypher.h": "c494da712122da7ff679fdcf318a5317e84972b6c950fe9d896212947797facd",
    "LICENSE.txt": "",
}
_HINT = f"go online once, or unpack {PACKAGE}-{VERSION}.tar.gz of PyPI and let {ROOT} name its folder"


@dataclass(frozen=True)
class Monocypher:
    """A folder with monocypher.c and monocypher.h."""

    root: Path

    @property
    def sources(self) -> list[Path]:
        """To be compiled with SOURCE_FLAGS, into sections; the linker drops what Ed25519 does not need."""
        return [self.root / "monocypher.c"]

    @property
    def flags(self) -> tuple[str, ...]:
        """For every file of a build."""
        return ("-isystem", str(self.root))

    def version(self) -> str:
        """As its source says."""
        text = (self.root / "monocypher.c").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"Monocypher version (\S+)", text)
        return found[1] if found else "unknown version"


def find() -> Monocypher:
    """The sources that MONOCYPHER_ROOT names, or the kept ones; where there are none, they are fetched from PyPI once.

    Raises:
        McueditError: MONOCYPHER_ROOT is wrong, or they cannot be had.
    """
    return present() or _fetch()


def present() -> Monocypher | None:
    """The same without a network; None where they would have to be fetched.

    Raises:
        McueditError: MONOCYPHER_ROOT is wrong.
    """
    given = os.environ.get(ROOT)
    if given:
        root = Path(given).resolve()
        missing = [name for name in ("monocypher.c", "monocypher.h") if not (root / name).is_file()]
        if missing:
            raise McueditError(f"{ROOT}={given} has no {missing[0]}", "name the folder of its sources, or unset it")
        return Monocypher(root)
    kept = _kept()
    return Monocypher(kept) if all(_matches(kept / name, sha) for name, sha in _FILES.items()) else None


def _kept() -> Path:
    return system.cache() / f"{PACKAGE}-{VERSION}"


def _matches(path: Path, sha256: str) -> bool:
    return path.is_file() and (not sha256 or hashlib.sha256(path.read_bytes()).hexdigest() == sha256)


def _fetch() -> Monocypher:
    with system.folder() as folder:
        _download(Path(folder))
        archive = Path(folder, f"{PACKAGE}-{VERSION}.tar.gz")
        files = _unpack(archive)
        try:
            write_folder(_kept(), files)
        except McueditError as error:
            raise McueditError(error.message, "XDG_CACHE_HOME=DIR names a place where they can be kept") from error
    return Monocypher(_kept())


def _download(folder: Path) -> None:
    """pip fetches the sdist and, before it looks into it, checks its hash."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    only = ["--no-deps", "--no-binary", PACKAGE, "--require-hashes", "-r", wanted.name, "-d", "."]
    done = subprocess.run([*pip, *only], cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if "error" in line.lower()), (lines or ["no reason given"])[-1])
        raise McueditError(f"pip cannot fetch {PACKAGE} {VERSION} (Monocypher's sources): {said.strip()}", _HINT)


def _unpack(archive: Path) -> dict[str, bytes | str]:
    if not _matches(archive, SHA256):
        raise McueditError(f"{archive.name} is not the file that is pinned here", _HINT)
    files: dict[str, bytes | str] = {}
    with tarfile.open(archive) as tar:
        for name in _FILES:
            member = tar.extractfile(f"{PACKAGE}-{VERSION}/{name}")
            files[name] = member.read() if member else b""
    return files
