# SPDX-License-Identifier: Apache-2.0
"""What the command line does with a stdout that cannot take what it says, or that nobody reads any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcuedit import cli, zoo

MCUEDIT = [sys.executable, "-m", "mcuedit"]
NARROW = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "strict": {"PYTHONIOENCODING": "utf-8:strict"},
}
SAYS = r"""
import sys
from mcuedit import cli
from mcuedit.cli._shared import common as _common, options as _options, streams as _streams
import click, mcuedit.cli.repair.zoo as verb
def body(as_json):
    values = {"\xe9": "\u017d \u4e2d \U0001f600 \udcff"}
    if as_json:
        _common.print_json(values)
    else:
        _common.stdout().print(_common.table("t\xedtle", ("\xe9", "\u4e2d"), [(k, v) for k, v in values.items()]))
        click.echo("\u4e2d \udcff")
        _common.note("\u4e2d \udcff")
        with _common.progress("\u4e2d", 1) as advance:
            advance(1)
verb.command = click.command()(_options.json_option(body))
cli.main()
"""


def run(*command: str, env: dict[str, str] | None = None, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **(env or {})}, **options)


@pytest.mark.parametrize("narrow", NARROW)
def test_what_stdout_cannot_encode_is_escaped(narrow):
    done = run(sys.executable, "-c", SAYS, "zoo", env=NARROW[narrow])
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert b"\\udcff" in done.stdout
    assert (b"\\u4e2d" in done.stdout) == (narrow == "cp1252" or narrow == "ascii"), done.stdout


@pytest.mark.parametrize("narrow", NARROW)
def test_json_stays_json_on_every_stdout(narrow):
    done = run(sys.executable, "-c", SAYS, "zoo", "--json", env=NARROW[narrow])
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("cp1252" if narrow == "cp1252" else "utf-8")
    assert json.loads(text) == {"é": "Ž \u4e2d \U0001f600 \udcff"}


@pytest.mark.parametrize("narrow", NARROW)
def test_verbs_answer_on_every_stdout(narrow, tmp_path):
    asked = "où est bujumbura \u4e2d?"
    command = [*MCUEDIT, "run", str(zoo.folder("facts")), "--emulator", "host", "--ask", asked]
    done = run(*command, env=NARROW[narrow])
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    as_json = run(*command, "--json", env=NARROW[narrow])
    assert len(json.loads(as_json.stdout.decode("cp1252"))["answers"]) == 1
    missing = run(*MCUEDIT, "inspect", str(tmp_path / "\u4e2d.tflite"), env=NARROW[narrow])
    assert missing.returncode == 2
    assert missing.stderr.startswith(b"error: ")
    assert b"Traceback" not in missing.stderr


def unread(*command: str) -> tuple[int, bytes]:
    """Exit code and stderr of a program whose reader has left already."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "args",
    [*([verb, "--help"] for verb in cli.VERBS), ["--version"], ["boards"], ["boards", "--json"], ["zoo", "list"]],
)
def test_an_output_that_is_cut_ends_every_verb_quietly(args):
    assert unread(*MCUEDIT, *args) == (141, b"")


def test_both_streams_may_be_cut():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*MCUEDIT, "nonsense"], stdout=write, stderr=write, check=False)
    os.close(write)
    assert done.returncode == 141


def test_a_cut_in_the_middle_unwinds(tmp_path):
    """As with `| head`: temporary folders are removed, nothing is said."""
    code = """
import sys, click, mcuedit.cli.repair.zoo as verb
from mcuedit import cli
from mcuedit._util import system
def body():
    with system.folder():
        for i in range(100_000):
            click.echo(i)
verb.command = click.command()(body)
cli.main()
"""
    command = f"{sys.executable} -c '{code}' zoo | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert (done.returncode, done.stdout, done.stderr) == (141, b"0\n", b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("args", [["boards"], ["boards", "--json"], ["--help"]])
def test_a_full_disk_behind_stdout_is_an_error(args):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*MCUEDIT, *args], stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: stdout: No space left on device", "hint: send it to another place"]


def test_a_closed_stdout_is_no_error():
    done = subprocess.run(["sh", "-c", f"{sys.executable} -m mcuedit boards >&-"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
