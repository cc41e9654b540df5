# SPDX-License-Identifier: Apache-2.0
"""What the documents refer to is there, and what refers to them finds it."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

from mcuedit.build.apps import APPS
from mcuedit.model.ops.int16.kinds import WIDE
from mcuedit.model.ops.kinds import KINDS
from mcuedit.model.tflite import load

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted(
    path
    for room in ("mcuedit", "firmware", "templates", "boards", "tests", "docs")
    for path in (ROOT / room).rglob("*")
    if path.suffix in {".py", ".c", ".h", ".cc", ".j2", ".md", ".resource"} and "expected" not in path.parts
)


def anchors(page: Path) -> set[str]:
    """Of a page: its headings, as GitHub and mkdocs make them, and those that stand in it."""
    text = page.read_text(encoding="utf-8")
    heads = re.findall(r"^#+ (.*)$", text, re.M)
    made = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


def sections(page: str) -> set[int]:
    """Numbers of sections that SPEC.md or DESIGN.md has."""
    if page == "DESIGN":
        text = (ROOT / "docs" / "DESIGN.md").read_text(encoding="utf-8")
        return {int(n) for n in re.findall(r"^## (\d+)\. ", text, re.M)}
    heads = ((ROOT / "docs" / "spec").glob("*.md"), r"^# (\d+)\. ")
    return {int(n) for page in heads[0] for n in re.findall(heads[1], page.read_text(encoding="utf-8"), re.M)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]*)(?:#[^)\s]*)?\)", page.read_text(encoding="utf-8")):
        assert not link or re.match(r"\w+:", link) or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_finds_it(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#\s]*\.md)?#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        assert anchor in anchors(page.parent / link if link else page), f"{link}#{anchor}"


def test_every_section_that_is_cited_exists() -> None:
    known = {name: sections(name) for name in ("SPEC", "DESIGN")}
    missing = [
        f"{path.relative_to(ROOT)}: {name}.md, section {number}"
        for path in SOURCES
        for name, number in re.findall(
            r"(SPEC|DESIGN)(?:\.md)?\]?(?:\([^)]*\))?,? sections? (\d+)", path.read_text(encoding="utf-8")
        )
        if int(number) not in known[name]
    ]
    assert not missing


def test_the_index_of_the_specification_lists_every_page_with_its_number() -> None:
    index = (ROOT / "docs" / "SPEC.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| (\d+) \| \[[^]]+\]\((spec/\w+\.md)\)", index, re.M))
    pages = {}
    for page in (ROOT / "docs" / "spec").glob("*.md"):
        found = re.match(r"# (\d+)\. ", page.read_text(encoding="utf-8"))
        assert found, page
        pages[found[1]] = f"spec/{page.name}"
    assert listed == pages


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_file_that_a_document_names_exists(page: Path) -> None:
    named = re.findall(
        r"(?<![\w/])((?:mcuedit|firmware|templates|boards|tests|docs|examples)/[\w./-]*\w/?)(?![\w<*]|/\S)",
        page.read_text(encoding="utf-8"),
    )
    for path in named:
        if "NAME" not in path and "/KIND" not in path:
            assert (ROOT / path).exists(), path


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 200
    assert "\n".join(lines).count("![") == 1


@pytest.mark.parametrize("script", sorted((ROOT / "docs" / "pictures").glob("*.py")), ids=lambda path: path.stem)
def test_a_committed_picture_is_what_its_script_draws(script: Path) -> None:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert script.with_suffix(".svg").read_text(encoding="utf-8") == module.picture()


def test_the_picture_shows_the_shapes_and_bytes_of_the_base(facts: Path) -> None:
    model = load(facts / "model.tflite")
    svg = (ROOT / "docs" / "pictures" / "overview.svg").read_text(encoding="utf-8")
    widths = [
        model.input.size,
        *(model.tensors[op.outputs[0]].size for op in model.ops if op.kind == "FULLY_CONNECTED"),
    ]
    assert [int(n) for n in re.findall(r">(\d+)(?: logits)?</text>", svg)] == widths
    assert f"{len(model.data):,} bytes" in svg


def test_the_guide_lists_the_ops_that_the_bare_runtime_has() -> None:
    text = (ROOT / "docs" / "guides" / "boards.md").read_text(encoding="utf-8")
    sentence = re.search(r"It has ([A-Z0-9_, and]+?), byte for byte", text)
    assert sentence is not None
    assert sorted(re.findall(r"[A-Z]\w+", sentence[1])) == sorted(KINDS)
    wide = re.search(r"\(16x8\) it has ([A-Z0-9_, and]+?), too", text)
    assert wide is not None
    assert sorted(re.findall(r"[A-Z]\w+", wide[1])) == sorted(WIDE)
    limits = (ROOT / "docs" / "LIMITS.md").read_text(encoding="utf-8")
    assert f"[{len(KINDS)} kinds of op](guides/boards.md) in int8, {len(WIDE)} of them" in limits


WITH_WORDS = [page for page in PAGES if page.name not in ("GLOSSARY.md", "SPEC.md", "CHANGELOG.md")]
COINED = {  # "edit" is an English word, too
    "adapter": "adapters?",
    "base": "bases?",
    "certificate": "certificates?",
    "delta": "deltas?",
    "factor": "factors?",
    "gate": "gates?",
    "keep-set": "keep sets?",
    "tap": "taps?",
    "target": "targets?",
}


@pytest.mark.parametrize("page", WITH_WORDS, ids=lambda page: page.name)
def test_a_page_links_the_coined_words_of_its_prose_to_the_glossary(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    prose = [line for line in text.splitlines() if line[:1] not in ("#", "|", "!", "<") and line[:4] != " " * 4]
    plain = re.sub(r"`[^`]*`", "", "\n".join(prose)).lower()
    for anchor, word in COINED.items():
        if re.search(rf"(?<![\w/.-]){word}(?![\w-])(?!\.\w)", plain):
            assert f"GLOSSARY.md#{anchor})" in text, anchor


def test_the_glossary_has_ten_words() -> None:
    text = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r'<a id="([^"]+)"', text)) == sorted([*COINED, "edit"])
    assert len(COINED) == 9


def test_every_table_of_figures_stands_with_its_command() -> None:
    """In a column of it, or in its section."""
    text = (ROOT / "docs" / "BENCHMARKS.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        for table in re.findall(r"(?:^\|.*\n)+", section, re.M):
            prints = table if "command" in table.splitlines()[0] else section
            assert re.search(r"(`|^\$ )(mcuedit|pytest|python|make) ", prints, re.M), section.splitlines()[0]


def test_the_layout_in_the_design_has_the_rooms_of_the_import_contract_in_its_rows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    text = (ROOT / "docs" / "DESIGN.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (.*) \|$", text, re.M)
    assert len(rows) == len(contract["layers"])
    for row, layer in zip(rows, contract["layers"], strict=True):
        rooms = {room.strip() for room in re.split(r"[|:]", layer)}
        assert rooms <= set(re.findall(r"(?:^| \. )`(\w+)/`", row)), layer


def test_the_apps_that_the_specification_names_are_built() -> None:
    for page in (ROOT / "docs" / "spec").glob("*.md"):
        named = re.findall(r"\b[Aa]pp `(\w+)`", page.read_text(encoding="utf-8"))
        assert set(named) <= {app for app in APPS if app}, page.name


SIX = (
    "A board",
    "An op of the bare runtime",
    "A training method",
    "An emulator",
    "A transport to devices",
    "A base of the zoo",
)


@pytest.mark.parametrize("thing", SIX)
def test_what_takes_few_files_to_add_names_the_test_that_adds_one(thing: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {thing}$(.*?)(?=^##)", text, re.M | re.S)
    assert section is not None
    assert re.search(r"`tests/[\w/]*test_\w+\.py`[^.]*\badds\b", section[1])
