# SPDX-License-Identifier: Apache-2.0
"""A machine without room, without leave to write, or whose temporary files cannot run: one clear line, nothing left."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcuedit import zoo
from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit.build import compilers, driver
from mcuedit.package.registry import open_registry

MCUEDIT = [sys.executable, "-m", "mcuedit"]
HOST_RUN = [*MCUEDIT, "run", str(zoo.folder("facts")), "--emulator", "host", "--random", "1"]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a tmpfs of its own with options, where that is allowed."""
    places = []

    def mount(options: str) -> Path:
        place = tmp_path / f"mount{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.name != "posix" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no leave to mount")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


def complaint(*command: str, **env: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "hint"], done.stderr
    return lines


def test_temporary_files_that_cannot_run(mounted):
    place = mounted("noexec,size=64m")
    error, hint = complaint(*HOST_RUN, TMPDIR=str(place))
    assert error == f"error: {place}: mounted noexec, code that is built there cannot run"
    assert "TMPDIR" in hint
    assert list(place.iterdir()) == []


def test_temporary_files_that_cannot_run_by_the_flag_of_their_file_system(monkeypatch, tmp_path):
    """The same without a mount."""

    class Flags:
        f_flag = getattr(os, "ST_NOEXEC", 8)

    monkeypatch.setattr(os, "statvfs", lambda path: Flags)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(McueditError, match="mounted noexec"):
        system.folder(runs=True)
    assert list(tmp_path.iterdir()) == []
    system.folder().cleanup()  # where nothing has to run, nothing is asked


def test_a_library_that_the_machine_does_not_load(tmp_path):
    (tmp_path / "host.so").write_bytes(b"no library")
    from mcuedit.emulate.backends.host import load_library

    with pytest.raises(McueditError, match=r"host\.so: cannot be run"):
        load_library(tmp_path / "host.so")


@pytest.mark.parametrize("command", [HOST_RUN, [*HOST_RUN[:-4], "--random", "1", "--toolchain", "auto"]])
def test_no_room_for_what_is_built(mounted, command):
    place = mounted("size=64k")
    error, hint = complaint(*command, TMPDIR=str(place), XDG_CACHE_HOME=str(place / "none"))
    assert "No space left" in error
    assert "TMPDIR" in hint
    assert [p for p in place.iterdir() if p.name != "none"] == []


def test_no_room_while_sources_are_written(monkeypatch, tmp_path):
    def full(*_args, **_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(McueditError, match="No space left on device") as caught:
        driver.build_host({"base.c": "int a;"}, tmp_path)
    assert "TMPDIR" in caught.value.hint


def test_a_compiler_that_has_no_room_is_quoted(tmp_path):
    script = tmp_path / "cc"
    script.write_text(
        "#!/bin/sh\necho 'a.c:1: error: x' >&2\necho 'cannot write: No space left on device' >&2\nexit 1\n"
    )
    script.chmod(0o755)
    with pytest.raises(McueditError, match="cc failed: cannot write: No space left on device") as caught:
        compilers.Compiler("cc", (str(script),)).run([], tmp_path)
    assert "TMPDIR" in caught.value.hint
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(McueditError, match="it ended by signal 9 and said nothing"):
        compilers.Compiler("cc", (str(script),)).run([], tmp_path)


def test_zig_keeps_its_cache_beside_the_build_where_home_is_read_only(mounted, monkeypatch, tmp_path):
    place = mounted("ro")
    script = tmp_path / "zig"
    script.write_text('#!/bin/sh\necho "error: $ZIG_GLOBAL_CACHE_DIR" >&2\nexit 1\n')
    script.chmod(0o755)
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    for home, cache in (place, str(tmp_path / ".zig-cache")), (tmp_path, ""):
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        with pytest.raises(McueditError) as caught:
            compilers.Compiler("zig", (str(script),)).run([], tmp_path)
        assert caught.value.message == f"zig failed: error: {cache}"


def test_a_read_only_home(mounted, tmp_path):
    home = mounted("ro")
    env = {"HOME": str(home), "XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "MCUEDIT_REGISTRY": ""}
    error, hint = complaint(*MCUEDIT, "registry", "list", **env)
    assert "Read-only file system" in error
    assert "MCUEDIT_REGISTRY" in hint
    done = subprocess.run(HOST_RUN, capture_output=True, check=False, env={**os.environ, **env})
    assert (done.returncode, done.stderr) == (0, b""), "a cache is a help, no need"


def test_no_home_at_all(monkeypatch, tmp_path):
    def homeless(*_args):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    for name in "XDG_DATA_HOME", "LOCALAPPDATA", "MCUEDIT_REGISTRY", "XDG_CACHE_HOME":
        monkeypatch.delenv(name, raising=False)
    from mcuedit._util import atomic, system
    from mcuedit.package.registry import default_path

    for ask in default_path, system.cache:
        with pytest.raises(McueditError, match="nor a home folder"):
            ask()
    (tmp_path / "out").mkdir()
    atomic.write_folder(tmp_path / "out", {"a": "b"})
    assert (tmp_path / "out" / "a").read_text() == "b"


def test_a_registry_that_did_not_fit_is_made_when_there_is_room(mounted):
    place = mounted("size=32k")
    filler = place / "filler"
    filler.write_bytes(bytes(32 << 10))
    with pytest.raises(McueditError, match=r"full|No space left"), open_registry(place / "r.sqlite"):
        pass
    filler.unlink()
    with pytest.raises(McueditError, match=r"full|No space left|disk I/O"), open_registry(place / "r.sqlite"):
        pass
    subprocess.run(["mount", "-o", "remount,size=4m", str(place)], check=True)
    with open_registry(place / "r.sqlite") as registry:
        assert list(registry.export()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_an_error_of_the_machine_that_no_code_expects_is_told_by_the_command_line(monkeypatch, capsys, number):
    import importlib

    import click

    from mcuedit import cli

    def body():
        raise OSError(number, os.strerror(number), "/place/file")

    monkeypatch.setattr(importlib.import_module("mcuedit.cli.repair.zoo"), "command", click.command()(body))
    assert cli.invoke(["zoo"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"error: /place/file: {os.strerror(number)}"
    assert len(lines) == 2
