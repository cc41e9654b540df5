# SPDX-License-Identifier: Apache-2.0
"""Files and folders appear whole or not at all, whatever interrupts the writing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mcuedit._util import atomic
from mcuedit._util.atomic import MARKER, write_file, write_folder
from mcuedit._util.errors import McueditError


def tree(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a" / "b.bin"
    for data in b"one", b"", b"x" * 100_000:
        write_file(path, data)
        assert tree(tmp_path) == {"a/b.bin": data}
    assert path.stat().st_mode & 0o777 == 0o666 & ~atomic._umask()


def test_folder_is_written_and_replaced_as_a_whole(tmp_path):
    out = tmp_path / "deep" / "out"
    write_folder(out, {"a.c": "int a;\n", "sub/b.bin": b"\0"})
    assert tree(out) == {"a.c": b"int a;\n", "sub/b.bin": b"\0", MARKER: b"a.c\nsub/b.bin\n"}
    write_folder(out, {"c.c": "ü"})
    assert tree(tmp_path) == {"deep/out/c.c": "ü".encode(), f"deep/out/{MARKER}": b"c.c\n"}


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "out").mkdir()
    write_folder(tmp_path / "out", {"a": "x"})
    assert (tmp_path / "out" / "a").is_file()


def test_what_others_wrote_is_left_alone(tmp_path):
    out = tmp_path / "out"
    write_folder(out, {"a": "1"})
    (out / "build").mkdir()
    (out / "build" / "mine").write_text("precious")
    before = tree(tmp_path)
    with pytest.raises(McueditError, match="build/mine was not written by mcuedit"):
        write_folder(out, {"a": "2"})
    assert tree(tmp_path) == before
    write_folder(out, {"a": "2"}, force=True)
    assert tree(out)["a"] == b"2"
    assert not (out / "build").exists()


def test_places_that_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(McueditError, match="is a file, not a folder"):
        write_folder(tmp_path / "file", {"a": "x"}, force=True)
    with pytest.raises(McueditError, match="cannot be written"):
        write_folder(tmp_path / "file" / "below", {"a": "x"})
    with pytest.raises(McueditError, match="cannot be written"):
        write_file(tmp_path / "file" / "below", b"x")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in Path(), tmp_path:
        with pytest.raises(McueditError, match="the current folder is in it"):
            write_folder(path, {"a": "x"}, force=True)
    with pytest.raises(McueditError, match="your home is in it"):
        write_folder(Path.home(), {"a": "x"}, force=True)


@pytest.mark.parametrize("name", ["../a", "/tmp/a", "b/../../a"])
def test_names_that_lead_out(tmp_path, name):
    with pytest.raises(McueditError, match="leads out"):
        write_folder(tmp_path / "out", {name: "x"})
    assert not any(tmp_path.iterdir())


def test_interrupted_at_every_step(tmp_path, monkeypatch):
    """Ctrl-C at the n-th system call leaves the old folder or the new one, and nothing beside it."""
    out = tmp_path / "out"
    old, new = {"a": b"old"}, {"a": b"new", "b/c": b"new"}
    outcomes = set()
    for step in range(100):
        write_folder(out, old)
        counter = iter(range(1000))

        def interrupt(real, counter=counter, step=step):
            def call(*args, **kwargs):
                if next(counter) == step:
                    raise KeyboardInterrupt
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in "write", "fsync", "mkdir", "rename", "open":
                patch.setattr(os, name, interrupt(getattr(os, name)))
            try:
                write_folder(out, new)
            except KeyboardInterrupt:
                done = False
            else:
                done = True
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        found = {k: v for k, v in tree(out).items() if k != MARKER}
        assert found in (old, new)
        outcomes.add((done, found == new))
        if done:
            break
    assert step > 10
    assert {(False, False), (True, True)} <= outcomes


def test_killed_writer_leaves_the_old_file(tmp_path):
    write_file(tmp_path / "a", b"old")
    code = f"""
        import os, signal
        from mcuedit._util import atomic
        os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
        atomic.write_file({str(tmp_path / "a")!r}, b"new")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "a").read_bytes() == b"old"
