# SPDX-License-Identifier: Apache-2.0
"""Every notebook runs, and its cells give what is committed; `--update-golden` writes that anew."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from helpers.notebooks import executed, outputs

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_of_a_notebook_give_what_it_shows(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    found = executed(path, tmp_path)
    if request.config.getoption("--update-golden"):
        nbformat.write(found, path)
    shown = outputs(nbformat.read(path, as_version=4))
    assert any(shown)
    assert outputs(found) == shown
