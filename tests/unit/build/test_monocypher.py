# SPDX-License-Identifier: Apache-2.0
"""Where Monocypher's sources come from, without a network."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.build.external import monocypher


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(monocypher.ROOT, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def pip(monkeypatch: pytest.MonkeyPatch, archive: bytes | None, said: str = "") -> list[list[str]]:
    """In place of pip: it leaves `archive` behind, or fails with what it `said`. Its arguments so far."""
    calls: list[list[str]] = []

    def run(command: list[str], *, cwd: Path, **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if archive is not None:
            Path(cwd, f"pymonocypher-{monocypher.VERSION}.tar.gz").write_bytes(archive)
        return subprocess.CompletedProcess(command, 0 if archive is not None else 1, "", said)

    monkeypatch.setattr(monocypher.subprocess, "run", run)
    return calls


def sdist(folder: Path) -> bytes:
    """An archive of three files that say their own name."""
    whole = folder / "it.tar.gz"
    with tarfile.open(whole, "w:gz") as tar:
        for name in ("monocypher.c", "monocypher.h", "LICENSE.txt", "setup.py"):
            (folder / name).write_text(f"// Monocypher version 9 {name}\n")
            tar.add(folder / name, f"pymonocypher-{monocypher.VERSION}/{name}")
    return whole.read_bytes()


def test_a_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = pip(monkeypatch, None)
    sdist(tmp_path)
    monkeypatch.setenv(monocypher.ROOT, str(tmp_path))
    found = monocypher.find()
    assert found.sources == [tmp_path / "monocypher.c"]
    assert found.version() == "9"
    assert not calls


def test_a_folder_without_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(monocypher.ROOT, str(tmp_path))
    with pytest.raises(McueditError, match=r"has no monocypher\.c"):
        monocypher.find()


def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    pip(monkeypatch, None, "WARNING: Retrying\nERROR: No matching distribution found for pymonocypher==4.0.3.4\n")
    assert monocypher.present() is None
    with pytest.raises(McueditError, match="No matching distribution") as caught:
        monocypher.find()
    assert monocypher.ROOT in caught.value.hint


def test_another_archive_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip(monkeypatch, sdist(tmp_path))
    with pytest.raises(McueditError, match="not the file that is pinned"):
        monocypher.find()
    assert not (tmp_path / "cache").exists()


def test_fetched_once_and_again_if_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = sdist(tmp_path)
    hashes = {
        name: monocypher.hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("monocypher.c", "monocypher.h")
    }
    monkeypatch.setattr(monocypher, "SHA256", monocypher.hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(monocypher, "_FILES", hashes | {"LICENSE.txt": ""})
    calls = pip(monkeypatch, archive)
    root = monocypher.find().root
    assert sorted(path.name for path in root.iterdir() if path.suffix) == [
        "LICENSE.txt",
        "monocypher.c",
        "monocypher.h",
    ]
    assert monocypher.find().root == root
    assert len(calls) == 1
    assert "--require-hashes" in calls[0]
    (root / "monocypher.c").write_text("int x;\n")
    assert monocypher.present() is None
    assert monocypher.find().version() == "9"
    assert len(calls) == 2


def test_what_is_pinned_is_what_is_kept_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    found = monocypher.present()
    if found is None:
        pytest.skip("Monocypher's sources are not here: `make sources` fetches them")
    assert found.version() == "4.0.3"
