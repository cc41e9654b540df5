# SPDX-License-Identifier: Apache-2.0
"""Power cuts at every flash operation: compiles sweep.c and runs it on each geometry.

    python tests/powerloss/sweep.py [sample|dense|full] [authority]

prints a line for each geometry; `full` takes many minutes. With `authority` the store is that of a device which obeys
operators: blank slots are not erased, and nonces are recorded.
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


def build(folder: Path, *, authority: bool = False) -> Path:
    """The sweeping program."""
    flags = ("-O2", "-DMCUEDIT_AUTHORITY=1") if authority else ("-O2",)
    return storage.compile_with(folder, storage.POWERLOSS / "sweep.c", *flags, output="sweep")


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


def main(effort: str = "sample", store: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), authority=store == "authority")
        total = 0
        for geometry in range(len(GEOMETRIES)):
            line = sweep(program, geometry, effort)
            total += cuts(line)
            print(line, flush=True)
        print(f"{total} power cuts on {len(GEOMETRIES)} geometries, 0 bad")


if __name__ == "__main__":
    main(*sys.argv[1:])
