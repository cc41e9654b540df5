# SPDX-License-Identifier: Apache-2.0
"""Fuzzes the device's parsers side by side: `make fuzz`, or tests/fuzz/run.py --seconds 60 [--keep FOLDER]."""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.fuzzing import TARGETS, Fuzzers, Outcome, why_not


def main() -> int:
    """0: no finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--runs", type=int, default=-1, help="executions of each target at most")
    parser.add_argument("--keep", type=Path, help="folder for programs, corpora and findings")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all if none is given")
    given = parser.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    if reason := why_not():
        print(f"fuzz: skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="mcuedit-fuzz-") as temporary:
        return _fuzz(given.keep or Path(temporary), tuple(given.targets) or TARGETS, given.seconds, given.runs)


def _fuzz(folder: Path, targets: tuple[str, ...], seconds: int, runs: int) -> int:
    fuzzers = Fuzzers(folder.resolve(), targets)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda t: fuzzers.run(t, f"-max_total_time={seconds}", f"-runs={runs}"), targets))
    for outcome in found:
        _tell(outcome, fuzzers.folder)
    print(f"fuzz: {sum(outcome.executions for outcome in found):,} executions")
    return 0 if all(outcome.ok for outcome in found) else 1


def _tell(outcome: Outcome, folder: Path) -> None:
    state = "no finding" if outcome.ok else "FINDING"
    print(f"fuzz: {outcome.target}: {state}, {outcome.executions:,} executions, {outcome.covered} edges")
    if not outcome.ok:
        print(outcome.said, file=sys.stderr)
        for path in sorted((folder / f"findings-{outcome.target}").iterdir()):
            print(f"fuzz: {path.name}: {path.read_bytes().hex()}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
