# SPDX-License-Identifier: Apache-2.0
"""A base of the zoo is a folder with a zoo.toml: nothing else knows its name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mcuedit import cli, zoo
from mcuedit._util.errors import McueditError

TOML = """
description = "capitals alone"
files = ["model.tflite", "labels.txt", "preprocess.json", "facts.jsonl"]

[edits]
draw = "mcuedit.zoo.draw:files"
count = 3
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The zoo with one more folder."""
    data = tmp_path / "data"
    shutil.copytree(zoo.folder("facts").parent, data)
    shutil.copytree(data / "facts", data / "capitals")
    (data / "capitals" / "zoo.toml").write_text(TOML)
    monkeypatch.setattr(zoo, "_DATA", data)
    return data / "capitals"


def test_a_folder_is_enough(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert zoo.names() == ["facts", "capitals", "digits", "words"]
    assert cli.invoke(["zoo", "list"]) == 0
    assert "capitals alone" in capsys.readouterr().out
    zoo.export("capitals", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.name[0] != ".") == sorted(
        zoo.entry("capitals").files
    )
    files = zoo.draw_files("capitals", None, None, 1)
    assert str(files["edits.jsonl"]).count("\n") == 3
    assert files == zoo.draw_files("facts", None, 3, 1)


def test_a_base_may_draw_no_edits(toy: Path) -> None:
    (toy / "zoo.toml").write_text(TOML.partition("[edits]")[0])
    with pytest.raises(McueditError, match="nothing draws edits for capitals"):
        zoo.draw_files("capitals", None, None, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("files = [", "file = [", "key files: it is missing"),
        ("count = 3", "count = 3\nseed = 1", "key edits.seed: expected no such key"),
        (":files", "", "key edits.draw: expected module:function, found 'mcuedit.zoo.draw'"),
    ],
)
def test_mistakes(toy: Path, old: str, new: str, message: str) -> None:
    (toy / "zoo.toml").write_text(TOML.replace(old, new))
    with pytest.raises(McueditError) as caught:
        zoo.entry("capitals")
    assert message in caught.value.message


def test_every_file_that_a_zoo_toml_names_is_there() -> None:
    for name in zoo.names():
        assert all((zoo.folder(name) / file).is_file() for file in zoo.entry(name).files)
