# SPDX-License-Identifier: Apache-2.0
"""Figures of speed in the documents: `mcuedit bench speed --write` makes them, and they are what it makes now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT
from helpers.virtual import needs_qemu

from mcuedit.build import compilers
from mcuedit.build.external import tflm
from mcuedit.cli import invoke
from mcuedit.cli.bench import figures
from mcuedit.conformance import speed
from mcuedit.model import bundle

GCC = compilers.gcc()
PAGE = ROOT / "docs" / "BENCHMARKS.md"
BOARDS = {"M0": "virt-m0", "M3": "virt-m3", "M4": "virt-m4", "M7": "virt-m7", "M33": "virt-m33", "M55": "mps3-an547"}

of_the_figures = pytest.mark.skipif(
    GCC is None or not GCC.version().startswith("12.2"), reason="arm-none-eabi-gcc 12.2 is not installed"
)


def written(page: Path, name: str) -> dict[str, dict[str, str]]:
    """The cells of a table by row and column."""
    text = page.read_text(encoding="utf-8").partition(figures.mark(name))[2].partition("<!-- end")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


@of_the_figures
@pytest.mark.parametrize("core", [pytest.param(c, marks=needs_qemu if c == "M55" else ()) for c in BOARDS])
def test_the_page_says_what_the_base_takes(facts: Path, core: str) -> None:
    now = speed.measure(bundle.load(facts), BOARDS[core], toolchain="gcc")
    said = written(PAGE, "speed")["facts"][core]
    assert said == f"{now.total:,}", f"write the figures again by the command below them: {PAGE.name}"


def test_the_page_compares_six_nets_and_names_the_tree() -> None:
    rows = written(PAGE, "speed --tflm")
    assert len(rows) == 6
    for cells in rows.values():
        for core in ("M4", "M55"):
            ours, theirs = (int(cells[name].replace(",", "")) for name in (core, f"TFLM on {core}"))
            assert cells.get(f"ratio on {core}") == f"{ours / theirs:.3f}"
    assert re.search(
        r"`mcuedit bench speed --tflm .*`, gcc [\d.]+ -O2, tflite-micro [0-9a-f]{40}$", PAGE.read_text(), re.M
    )


@of_the_figures
def test_a_page_gets_its_table_and_keeps_the_rest(facts: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{figures.mark('speed')}\nold\n<!-- end of figures -->\nafter\n", encoding="utf-8")
    line = ["bench", "speed", str(facts), "--board", "virt-m4", "--toolchain", "gcc", "--write", str(page)]
    assert invoke(line) == 0
    text = page.read_text(encoding="utf-8")
    assert re.fullmatch(r"before\n<!-- .*\n(\|.*\n){3}\n`mcuedit bench speed .*` *.*\n<!-- end .*\nafter\n", text)
    assert str(tmp_path) not in text
    assert written(page, "speed")["facts"]["M4"] == written(PAGE, "speed")["facts"]["M4"]


def test_a_page_without_the_marks_is_refused_before_anything_runs(
    facts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "measure", lambda *_, **__: pytest.fail("it was measured"))
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    assert invoke(["bench", "speed", str(facts), "--write", str(page)]) == 2
    assert "page.md has no figures of speed" in capsys.readouterr().err


def test_without_a_tree_there_is_no_comparison_and_why(
    facts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(tflm.ROOT, raising=False)
    assert invoke(["bench", "speed", str(facts), "--board", "virt-m4", "--tflm"]) == 2
    assert "TFLM_ROOT is not set" in capsys.readouterr().err
