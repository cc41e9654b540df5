# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench privacy: its table, its plot, and what it says without matplotlib."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mcuedit import zoo
from mcuedit._util.errors import McueditError
from mcuedit.cli.bench.privacy import command


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two edits of facts, and a keep set short enough for a test."""
    folder = tmp_path_factory.mktemp("private")
    edits, keep = zoo.draw_edits("facts", 2, 6)
    (folder / "edits.jsonl").write_text(edits, encoding="utf-8")
    (folder / "keep.jsonl").write_text("".join(keep.splitlines(keepends=True)[:30]), encoding="utf-8")
    return folder


def _bench(files: Path, *more: str) -> Result:
    given = [str(zoo.folder("facts")), "--edits", str(files / "edits.jsonl"), "--keep", str(files / "keep.jsonl")]
    return CliRunner().invoke(command, [*given, "--steps", "12", "--rank", "32", *more])


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_more_noise_gives_away_less(files: Path, tmp_path: Path) -> None:
    result = _bench(files, "--sigmas", "10,4000", "-o", str(tmp_path / "plot.svg"), "--json")
    values = json.loads(result.stdout)
    assert values["sigma"] == [10, 4000]
    assert values["epsilon"][0] > 10 * values["epsilon"][1]
    assert values["efficacy"][0] > values["efficacy"][1]
    drawn = (tmp_path / "plot.svg").read_text()
    for word in ("efficacy", "paraphrase", "neighbourhood", "sigma 4000", "epsilon"):
        assert word in drawn


def test_without_matplotlib(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = _bench(files, "--sigmas", "10", "-o", str(tmp_path / "plot.svg"))
    assert result.exit_code == 0
    assert "epsilon of a prompt" in result.stdout
    assert "clip 50 by edit" in result.stdout
    assert "pip install 'mcuedit[plot]'" in result.stderr
    assert not (tmp_path / "plot.svg").exists()


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--sigmas", "10,x"], "x,50,12"),
        (["--sigmas", "5000"], "sigma 5000"),
        (["-o", "plot.txt"], "plot.txt"),
        (["--rate", "2"], "rate 2"),
    ],
)
def test_what_is_refused(files: Path, more: list[str], what: str) -> None:
    result = _bench(files, *more)
    assert isinstance(result.exception, McueditError)
    assert what in str(result.exception)
