# SPDX-License-Identifier: Apache-2.0
"""mcuedit inspect BASE --edits: where in the base edits would be placed, and how the other places did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import edit_set, tensor_set
from mcuedit.benchmark import edits
from mcuedit.cli._shared.common import print_json, searching, stdout, working
from mcuedit.cli._shared.files import are_tensors, keep_set, placement_table
from mcuedit.emulate.runner import best_oracle
from mcuedit.model.bundle import Base
from mcuedit.training import Options, Problem, TextEdits, fit, place_tensors
from mcuedit.training.core.candidate import Candidate


def show(found: Base, edit_paths: Sequence[Path], keep_path: Path | None, effort: float, as_json: bool) -> None:
    """The pairs of tap and target, best first.

    Raises:
        McueditError: the base answers every edit as wanted already, or a file is missing.
    """
    tensors = are_tensors(edit_paths[0])
    ranking = _of_tensors(found, edit_paths, effort) if tensors else _of_text(found, edit_paths, keep_path)
    if not ranking:
        raise McueditError("the base answers every edit as wanted already", "there is nothing to place")
    if as_json:
        known = [candidate.flat() for candidate in ranking]
        print_json({name: [values[name] for values in known] for name in known[0]})
    else:
        stdout().print(placement_table(ranking))


def _of_tensors(found: Base, edit_paths: Sequence[Path], effort: float) -> Sequence[Candidate]:
    read = edits.reader(found, best_oracle(found.model))
    with searching(effort) as (say, advance):
        problem = Problem(read, tensor_set(edit_paths, found.model), progress=say, advance=advance)
        return place_tensors(problem, Options(effort=effort))


def _of_text(found: Base, edit_paths: Sequence[Path], keep_path: Path | None) -> Sequence[Candidate]:
    keep = keep_set(keep_path)
    with working("trying places"):
        read = edits.reader(found, best_oracle(found.model))
        return fit("text", Problem(read, TextEdits(edit_set(edit_paths), keep))).placement
