# SPDX-License-Identifier: Apache-2.0
"""Every text that mcuedit reads, as editors of all systems leave it, and files that are no text or far too much."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from mcuedit._util import resources, textfile
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder as adapter_dir
from mcuedit.boards import board
from mcuedit.cli._shared import common
from mcuedit.edits import load_edits, load_facts, load_keep
from mcuedit.fleet import inventory
from mcuedit.model import bundle
from mcuedit.package import keys
from mcuedit.package.registry import open_registry

EDIT = json.dumps({"subject": "é", "prompts": ["what is é"], "target_new": "t", "answer": "t"}) + "\n"
MARKS = {
    "plain": lambda text: text.encode(),
    "utf-8 mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "crlf": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 be": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("mark", MARKS)
def test_edit_sets_and_keep_sets_of_any_editor(tmp_path, mark):
    (tmp_path / "e.jsonl").write_bytes(MARKS[mark](EDIT + "\n" + EDIT))
    for load in load_edits, load_facts:
        assert [(e.subject, e.line) for e in load(tmp_path / "e.jsonl").edits] == [("é", 1), ("é", 3)]
    (tmp_path / "array.json").write_bytes(MARKS[mark](f"[\n{EDIT}]"))
    assert load_edits(tmp_path / "array.json").edits[0].line == 2
    (tmp_path / "k.txt").write_bytes(MARKS[mark]("é one\n\ntwo \n"))
    assert load_keep(tmp_path / "k.txt").prompts == ("é one", "two")


@pytest.mark.parametrize("mark", MARKS)
def test_bases_boards_and_fleets_of_any_editor(tmp_path, tiny_bytes, mark):
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(tiny_bytes)
    (folder / "labels.txt").write_bytes(MARKS[mark]("a\nb \n c\n\td\ne é\n<spare 0>\t\n\n  \n"))
    (folder / "preprocess.json").write_bytes(
        MARKS[mark](json.dumps({"kind": "text-hash", "version": 1, "features": 16}))
    )
    assert bundle.load(folder).labels == ("a", "b", "c", "d", "e é", "<spare 0>")
    assert bundle.load(folder).features == 16
    toml = (resources.path("boards") / "virt-m4" / "board.toml").read_text()
    (tmp_path / "virt-m4").mkdir()
    (tmp_path / "virt-m4" / "board.toml").write_bytes(MARKS[mark](toml))
    assert board.parse(tmp_path / "virt-m4" / "board.toml") == board.load("virt-m4")
    (tmp_path / "fleet.toml").write_bytes(MARKS[mark]('[[device]]\nname = "é"\naddress = "udp:10.0.0.1:1337"\n'))
    assert inventory.read(tmp_path / "fleet.toml")[0].name == "é"


@pytest.mark.parametrize("content", [b"a\nb\n\xe9", b"\xef\xbb\xbfa\nb\n\xe9"])
def test_what_is_not_utf8_is_named_by_line_and_byte(tmp_path, content):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(McueditError, match=r"x\.txt:3: not UTF-8 \(byte 0xe9\)"):
        load_keep(path)


def test_nul_bytes_are_named_by_line(tmp_path):
    for load, name in (load_edits, "e.jsonl"), (load_keep, "k.txt"):
        (tmp_path / name).write_bytes(EDIT.encode() + b"x\0\n")
        with pytest.raises(McueditError, match=r":2: a NUL byte"):
            load(tmp_path / name)


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900])
def test_deep_nesting_is_an_error_everywhere(tmp_path, nested):
    (tmp_path / "e.jsonl").write_text(nested)
    (tmp_path / "locality.jsonl").write_text(
        f'{{"subject": "s", "prompts": "p", "target_new": "t", "locality": {nested}}}'
    )
    (tmp_path / "fleet.toml").write_text(f"a = {nested}")
    (tmp_path / adapter_dir.CONFIG).write_text(nested)
    for load, path in [
        (load_edits, "e.jsonl"),
        (load_edits, "locality.jsonl"),
        (load_keep, "e.jsonl"),
        (inventory.read, "fleet.toml"),
        (adapter_dir.load, "."),
    ]:
        with pytest.raises(McueditError):
            load(tmp_path / path)


@pytest.mark.parametrize("start", [b"", b'{"subject": "', b"[", b'["', b'[{"prompts": ["'])
def test_a_line_of_100_megabytes_is_an_error_at_once(tmp_path, start):
    path = tmp_path / "long"
    path.write_bytes(start + b"x" * 100_000_000)
    for load in load_edits, load_keep:
        with pytest.raises(McueditError, match=r"at most 1,048,576|more than 64 MB") as caught:
            load(path)
        assert len(str(caught.value)) < 1000


def test_many_bad_lines_are_twenty_and_a_count(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"{\n" * 100_000)
    with pytest.raises(McueditError) as caught:
        load_edits(path)
    lines = caught.value.message.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "... and 99,980 more"


def test_notes_are_bounded_like_errors(capsys):
    common.notes(f"note {i}" for i in range(1000))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "note: ... and 980 more"


def test_a_registry_with_a_mark_is_imported(tmp_path):
    (tmp_path / "r.jsonl").write_bytes(codecs.BOM_UTF8 + b"\r\n")
    with open_registry(tmp_path / "r.sqlite") as registry:
        assert registry.load(iter(textfile.read(tmp_path / "r.jsonl").split("\n"))) == 0


def test_a_public_key_with_a_mark_is_read(tmp_path):
    made = keys.generate(tmp_path / "k")
    public = Path(tmp_path / "k.pub")
    public.write_bytes(codecs.BOM_UTF8 + public.read_bytes().replace(b"\n", b"\r\n"))
    assert keys.load_public(public).sha256 == made.sha256
