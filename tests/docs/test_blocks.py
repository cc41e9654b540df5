# SPDX-License-Identifier: Apache-2.0
"""Every command and every program in README.md and docs/ runs, and says what the page shows."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from helpers.blocks import Block, blocks, comparable

import mcuedit
from mcuedit.cli import invoke

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
WITH_BLOCKS = [page for page in PAGES if any(b.language in ("console", "python") and b.runs for b in blocks(page))]
RUNS_MAKE = {"make demo": "mcuedit demo"}  # make would set up an environment first
FIGURES = re.compile(r"instructions|built by gcc")  # of one compiler


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def cases() -> Iterator[object]:
    """A page with its quick blocks alone, and with all of them where that is more."""
    for page in WITH_BLOCKS:
        runnable = [b for b in blocks(page) if b.runs and b.language in ("console", "python")]
        slow = any(b.slow for b in runnable)
        yield pytest.param(page, True, id=name(page), marks=pytest.mark.slow if slow else ())
        first_slow = next((i for i, b in enumerate(runnable) if b.slow), len(runnable))
        if slow and first_slow:
            yield pytest.param(page, False, id=f"{name(page)}, until it takes long")


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Commands that a page starts in the background."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("page", "whole"), list(cases()))
def test_every_block_of_a_page_runs_in_one_folder_in_its_order(
    page: Path,
    whole: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processes: list[subprocess.Popen[bytes]],
) -> None:
    if page.name == "ship.md" and not shutil.which("cc"):
        pytest.skip("a device as a process takes a C compiler")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))
    monkeypatch.setenv("COLUMNS", "160")
    for block in blocks(page):
        if not block.runs:
            continue
        if block.slow and not whole:
            return
        where = f"{name(page)}:{block.line}"
        if block.language == "python":
            run_python(block, where)
        elif block.language == "console":
            for command, shown in block.commands():
                if command.startswith("export "):
                    monkeypatch.setenv(*shlex.split(command, comments=True)[1].split("=", 1))
                    continue
                said = run(command, where, processes)
                assert_shown(shown, said, f"{where}: {command}")


def run(command: str, where: str, processes: list[subprocess.Popen[bytes]]) -> str:
    """Executes one command line; returns what it wrote."""
    words = shlex.split(command, comments=True)
    line = RUNS_MAKE.get(shlex.join(words), shlex.join(words))
    words = shlex.split(line)
    if words[0] == "mcuedit":
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = invoke(words[1:])
        assert code == 0, f"{where}: {command}: exit code {code}\n{out.getvalue()}"
        return out.getvalue()
    if words[-1] == "&":
        processes.append(subprocess.Popen(words[:-1]))
        time.sleep(0.1)  # a push that comes first asks again
        assert processes[-1].poll() is None, f"{where}: {command}: ended at once"
        return ""
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{where}: {command}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def run_python(block: Block, where: str) -> None:
    """Executes a program; the comment of a line that prints says what."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.text, where, "exec"), {"__name__": "__main__"})
    shown = re.findall(r"^print\(.*\)  # (.*)$", block.text, re.M)
    assert out.getvalue().split("\n")[:-1] == shown, where


def assert_shown(shown: list[str], said: str, where: str) -> None:
    """What a page shows stands in what was said, in that order."""
    rest = [comparable(line) for line in said.splitlines()]
    for line in shown:
        if FIGURES.search(line) and not gcc_of_the_figures():
            continue
        wanted = comparable(line)
        assert wanted in rest, f"{where} does not say {wanted!r}, or not there:\n{said}"
        del rest[: rest.index(wanted) + 1]


def gcc_of_the_figures() -> bool:
    """Whether the compiler is here that the pages' figures are of."""
    gcc = shutil.which("arm-none-eabi-gcc")
    return bool(gcc) and subprocess.run([gcc, "-dumpversion"], capture_output=True, text=True).stdout.startswith("12.2")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_is_and_why_if_it_is_not_run(page: Path) -> None:
    for block in blocks(page):
        where = f"{name(page)}:{block.line}"
        assert block.language in {"console", "python", "cpp", "c", "json", "toml", "text", "hex"}, where
        assert block.mark == "" or re.fullmatch(r"(not run|slow): .{8,}", block.mark), where


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_command_stands_outside_a_block(page: Path) -> None:
    assert not re.findall(r"^    \$? ?(?:mcuedit|make|pip|python) .*$", page.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_data_block_is_well_formed(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)


def test_what_c_blocks_and_pages_call_is_in_a_header() -> None:
    headers = [*(ROOT / "firmware").rglob("*.h"), ROOT / "firmware" / "tflm" / "mcuedit_tflm.cc"]
    known = {word for path in headers for word in re.findall(r"\bmcuedit_\w+", path.read_text(encoding="utf-8"))}
    for page in PAGES:
        code = re.findall(r"```c(?:pp)?\n.*?^```|`mcuedit_\w+[^`]*`", page.read_text(encoding="utf-8"), re.M | re.S)
        called = {word for piece in code for word in re.findall(r"\bmcuedit_\w+", piece)}
        assert called <= known, f"{name(page)}: {sorted(called - known)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_calls_of_the_package_is_public(page: Path) -> None:
    called = set(re.findall(r"`(?:import )?mcuedit\.(\w+)", page.read_text(encoding="utf-8")))
    assert called <= set(dir(mcuedit)), sorted(called - set(dir(mcuedit)))
