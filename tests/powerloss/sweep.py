# SPDX-License-Identifier: Apache-2.0
"""Power cuts at every flash operation: compiles sweep.c and runs it on each geometry.

    python tests/powerloss/sweep.py [sample|dense|full]

prints a line for each geometry; `full` takes many minutes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import storage

GEOMETRIES = ("nrf52", "stm32g0", "stm32h7", "stm32f4", "small", "stm32u5")  # as in sweep.c
EFFORTS = ("sample", "dense", "full")


def build(folder: Path) -> Path:
    """The sweeping program."""
    return storage.compile_with(folder, storage.POWERLOSS / "sweep.c", "-O2", output="sweep")


def sweep(program: Path, geometry: int, effort: str) -> str:
    """The line of figures of one geometry, or what went wrong.

    Raises:
        AssertionError: a state was bad; the message tells which cuts led to it.
    """
    command = [str(program), str(geometry), str(EFFORTS.index(effort))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def cuts(line: str) -> int:
    """How many there were, first and second ones."""
    first, second = re.findall(r"(\d+) (?:first|second) cuts", line)
    return int(first) + int(second)


def main(effort: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        total = 0
        for geometry in range(len(GEOMETRIES)):
            line = sweep(program, geometry, effort)
            total += cuts(line)
            print(line, flush=True)
        print(f"{total} power cuts on {len(GEOMETRIES)} geometries, 0 bad")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "sample")
