# SPDX-License-Identifier: Apache-2.0
"""What is compiled once: the same again is taken from the cache, anything else is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.build import compilers, objects

CCACHE = shutil.which("ccache")
SOURCE = '#include "size.h"\nint size(void);\nint size(void)\n{\n    return SIZE;\n}\n'


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was really compiled."""
    real, made = compilers.Compiler._run, []

    def run(self: compilers.Compiler, command: Sequence[str], arguments: Sequence[str], folder: Path) -> None:
        made.append(arguments[-1])
        real(self, command, arguments, folder)

    monkeypatch.setattr(compilers.Compiler, "_run", run)
    return made


def made(folder: Path, size: int = 1, *flags: str, source: str = SOURCE) -> bytes:
    """The object of SOURCE in a folder."""
    (folder / "include").mkdir(parents=True, exist_ok=True)
    (folder / "size.c").write_text(source, encoding="utf-8")
    (folder / "include" / "size.h").write_text(f"#define SIZE {size}\n", encoding="utf-8")
    compilers.find_host_compiler().compile([*flags, "-Iinclude", "-c", "size.c", "-o", "size.o"], folder)
    return (folder / "size.o").read_bytes()


def test_the_same_in_another_folder_is_not_compiled_again(tmp_path: Path, calls: list[str]) -> None:
    assert made(tmp_path / "a") == made(tmp_path / "b")
    assert len(calls) == 1


def test_another_header_or_option_or_source_is_compiled(tmp_path: Path, calls: list[str]) -> None:
    first = made(tmp_path / "a")
    assert made(tmp_path / "a", 2) != first
    made(tmp_path / "a", 1, "-O2")
    made(tmp_path / "a", source=SOURCE + "\n")
    assert len(calls) == 4
    assert made(tmp_path / "a") == first
    assert len(calls) == 4


def test_a_header_that_comes_before_another_one_is_seen(tmp_path: Path, calls: list[str]) -> None:
    first = made(tmp_path / "a")
    (tmp_path / "a" / "size.h").write_text("#define SIZE 9\n", encoding="utf-8")  # beside the source
    assert made(tmp_path / "a") != first


@pytest.mark.skipif(CCACHE is None, reason="ccache is not installed")
def test_the_same_is_seen_through_ccache(tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its direct mode gives the object of the header that it knows."""
    compiler = compilers.find_host_compiler()
    through = replace(compiler, command=(str(CCACHE), *compiler.command))
    monkeypatch.setattr(compilers, "find_host_compiler", lambda: through)
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "ccache"))
    first = made(tmp_path / "a")
    (tmp_path / "a" / "size.h").write_text("#define SIZE 9\n", encoding="utf-8")
    assert made(tmp_path / "a") != first


def test_what_is_included_by_a_macro_is_compiled_each_time(tmp_path: Path, calls: list[str]) -> None:
    for _ in range(2):
        made(tmp_path / "a", source='#define WHICH "size.h"\n' + SOURCE.replace('"size.h"', "WHICH"))
    assert len(calls) == 2


def test_errors_are_not_kept(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(McueditError, match=r"size\.c:5"):
            made(tmp_path / "a", source=SOURCE.replace("return SIZE", "return (SIZE"))


def test_a_damaged_object_is_made_again(tmp_path: Path, own_cache: Path, calls: list[str]) -> None:
    first = made(tmp_path / "a")
    (kept,) = own_cache.rglob("objects/?/[0-9a-f]*")
    kept.write_bytes(kept.read_bytes()[:-1])
    assert made(tmp_path / "a") == first
    assert len(calls) == 2


def test_two_at_a_time_compile_it_once(tmp_path: Path, calls: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(made, [tmp_path / name for name in "abcdefgh"]))) == 1
    assert len(calls) == 1


def test_without_a_place_for_it_everything_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert made(tmp_path / "a") == made(tmp_path / "b")
    assert len(calls) == 2


def test_what_was_not_used_for_longest_goes(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    bytes_of_one = len(made(tmp_path / "a")) + 32
    (kept,) = own_cache.rglob("objects/?/[0-9a-f]*")
    for age, name in enumerate(("0newer", "0older")):
        other = kept.with_name(name)
        other.write_bytes(kept.read_bytes())
        os.utime(other, (1e9 - age, 1e9 - age))
    monkeypatch.setattr(objects, "_SHELF_BYTES", 2 * bytes_of_one)
    kept.unlink()
    made(tmp_path / "a")
    assert sorted(path.name for path in kept.parent.glob("[0-9a-f]*")) == sorted(["0newer", kept.name])
