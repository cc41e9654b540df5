# SPDX-License-Identifier: Apache-2.0
"""What nobody expected is told in two lines, and its traceback is in a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcuedit import cli
from mcuedit._util import unexpected

FAILS = """
import sys
from mcuedit import cli
import click, mcuedit.cli.repair.zoo as verb
@click.command()
def command():
    raise {error}
verb.command = command
cli.main()
"""


def fails(error: str, tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", FAILS.format(error=error), "zoo"]
    given = {"PATH": "", "PYTHONPATH": str(Path(cli.__file__).parents[2]), "XDG_STATE_HOME": str(tmp_path), **env}
    return subprocess.run(program, capture_output=True, text=True, check=False, env=given)


@pytest.mark.parametrize(
    "error", ["ValueError('a\\x1b[31mb\\n c')", "RecursionError()", "KeyError('x')", "AssertionError"]
)
def test_a_fault_of_ours_is_two_lines_and_a_file(error, tmp_path):
    done = fails(error, tmp_path)
    assert (done.returncode, done.stdout) == (cli.UNEXPECTED, "")
    first, second = done.stderr.splitlines()
    (file,) = tmp_path.rglob("traceback-*.txt")
    assert first.startswith(f"error: unexpected {error.partition('(')[0]}")
    assert first.endswith(f"its traceback is in {file}")
    assert second.startswith("hint: this is a fault of mcuedit: report it")
    assert "\x1b" not in done.stderr
    text = file.read_text("utf-8")
    assert "Traceback (most recent call last)" in text
    assert "\x1b" not in text
    assert file.stat().st_mode & 0o077 == 0


def test_a_machine_without_a_home_has_it_among_temporary_files(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("")
    done = fails("ValueError('x')", tmp_path, XDG_STATE_HOME=str(taken), TMPDIR=str(tmp_path))
    assert done.returncode == cli.UNEXPECTED
    assert list(tmp_path.glob("traceback-*.txt"))


def test_ctrl_c_stays_quiet(tmp_path):
    done = fails("KeyboardInterrupt", tmp_path)
    assert (done.returncode, done.stderr.strip()) == (cli.INTERRUPTED, "interrupted")
    assert list(tmp_path.iterdir()) == []


def test_no_memory_is_no_fault_of_ours(tmp_path):
    done = fails("MemoryError", tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (cli.UNEXPECTED, False)
    assert done.stderr.startswith("error: out of memory")


def test_only_the_newest_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for number in range(25):
        unexpected.told(ValueError(str(number)))
    assert len(list(tmp_path.rglob("traceback-*.txt"))) == 20
