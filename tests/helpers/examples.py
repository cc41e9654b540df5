# SPDX-License-Identifier: Apache-2.0
"""Runs the console blocks of an example's README in a copy of its folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.blocks import blocks, comparable

ROOT = Path(__file__).resolve().parents[2]


def run(name: str, place: Path, **variables: str) -> Path:
    """Runs every command; each must end well and print the lines shown after it.

    Args:
        place: an empty folder.
        variables: for the commands. Blocks that need one which is not among them are left out.

    Returns:
        The copy of the example, with what the commands wrote.
    """
    folder = Path(shutil.copytree(ROOT / "examples" / name, place / name))
    programs = place / "bin"
    programs.mkdir()
    for program, words in ("mcuedit", "-m mcuedit"), ("python", ""):
        (programs / program).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / program).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"], str(Path(sys.executable).parent)])
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, **variables}
    runnable = [b for b in blocks(folder / "README.md") if b.language == "console" and b.runs]
    commands = [c for b in runnable if not b.needs or b.needs in variables for c in b.commands()]
    assert commands, "a README without a command to run"
    for command, shown in commands:
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        printed = [comparable(line) for line in (done.stdout + done.stderr).splitlines()]
        for line in shown:
            assert comparable(line) in printed, f"{line!r} is not printed by {command}\n{done.stdout}"
    return folder
