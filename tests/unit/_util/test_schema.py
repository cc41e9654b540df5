# SPDX-License-Identifier: Apache-2.0
"""Every file that people write is held against a model, and all that does not fit is told at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, model_validator

from mcuedit._util import schema
from mcuedit._util.errors import McueditError
from mcuedit.edits import load_edits, load_keep, reader


class Part(schema.Form):
    size: Annotated[int, Field(gt=0, multiple_of=4)]
    name: str = ""


class Whole(schema.Form):
    title: Annotated[str, Field(min_length=1)]
    part: list[Part] = Field(default=[])
    other: dict[str, Part] = Field(default={})

    @model_validator(mode="after")
    def check(self) -> Whole:
        schema.check((f"part.{i}.name", "a name of its own") for i, one in enumerate(self.part) if one.name == "same")
        return self


def refused(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(McueditError) as caught:
        schema.read_toml(path, Whole, "the example")
    assert caught.value.hint == "mend the w.toml; see the example for the form"
    return [line.removeprefix(f"{path}:") for line in caught.value.message.split("\n")]


def test_every_key_that_does_not_fit_is_named_with_its_line_and_what_was_expected(tmp_path: Path) -> None:
    text = (
        'title = ""\nmore = 1\n[[part]]\nsize = 6\n\n[[part]]\n# no size\nname = 3\n[other.a]\nsize = true\nsize2 = 0\n'
    )
    assert refused(tmp_path / "w.toml", text) == [
        "1: key title: expected a text that is not empty, found ''",
        "4: key part[0].size: expected a multiple of 4, found 6",
        "6: key part[1].size: it is missing",
        "8: key part[1].name: expected a text, found 3",
        "10: key other.a.size: expected an integer, found True",
        "11: key other.a.size2: expected no such key (a slip of the pen?)",
        "2: key more: expected no such key (a slip of the pen?)",
    ]


def test_keys_that_do_not_go_together_are_named_likewise(tmp_path: Path) -> None:
    part = '[[part]]\nsize = 4\nname = "{}"\n'
    text = 'title = "t"\n' + "".join(part.format(name) for name in ("same", "other", "same"))
    assert refused(tmp_path / "w.toml", text) == [
        "4: key part[0].name: expected a name of its own",
        "10: key part[2].name: expected a name of its own",
    ]


def test_twenty_keys_are_named_and_the_others_counted(tmp_path: Path) -> None:
    lines = refused(tmp_path / "w.toml", 'title = "t"\n' + "[[part]]\nsize = 3\n" * 1000)
    assert len(lines) == 21
    assert lines[19:] == ["41: key part[19].size: expected a multiple of 4, found 3", "... and 980 more"]


def test_what_stands_there_is_quoted_up_to_a_length(tmp_path: Path) -> None:
    lines = refused(tmp_path / "w.toml", f"title = {list(range(100_000))}\n")
    assert len(lines[0]) < 200


def test_every_fault_of_a_line_is_in_its_line(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text('{"subject": 3, "prompts": ["a", 4, 5], "target_new": -1}\n{}\n')
    with pytest.raises(McueditError) as caught:
        load_edits(path)
    assert caught.value.message.split("\n") == [
        f"{path}:1: field 'prompts': expected a text, found 4; field 'subject': expected a text, found 3; "
        "field 'target_new': expected 0 or more, found -1",
        f"{path}:2: field 'prompts': it is missing; field 'subject': it is missing; field 'target_new': it is missing",
    ]


@pytest.mark.parametrize("text", [b"{}\n" * 1_000_000, b"[" + b"{}," * 1_000_000 + b"{}]"])
def test_a_million_objects_are_refused_before_they_are_looked_at(
    text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(text)
    monkeypatch.setattr(reader, "_edit", lambda *_: None)
    monkeypatch.setattr(reader, "_kept", lambda *_: None)
    for load in load_edits, load_keep:
        with pytest.raises(McueditError, match=r"1,000,000 lines|more objects in an array") as caught:
            load(path)
        assert "at most 262,144 are read" in caught.value.message
        assert "split -l 262144" in caught.value.hint


def test_as_many_lines_as_are_read_that_do_not_fit_are_twenty_and_a_count(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"{}\n" * 100_000)
    for load in load_edits, load_keep:
        with pytest.raises(McueditError) as caught:
            load(path)
        lines = caught.value.message.split("\n")
        assert len(lines) == 21
        assert lines[-1] == "... and 99,980 more"


def test_a_list_of_a_hundred_thousand_faults_is_one(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"subject": "a", "prompts": "a", "target_new": "b", "locality": [3] * 100_000}))
    with pytest.raises(McueditError) as caught:
        load_edits(path)
    assert caught.value.message == f"{path}:1: field 'locality': expected a text, found 3"


def test_help_does_not_wait_for_pydantic() -> None:
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mcuedit", "--help"], capture_output=True, text=True, check=True
    )
    assert "mcuedit.cli" in said.stderr
    assert "pydantic" not in said.stderr
