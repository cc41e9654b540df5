# SPDX-License-Identifier: Apache-2.0
"""Folders of expected text, compared letter by letter, or written anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mcuedit._util.atomic import MARKER, write_folder


def compare(request: pytest.FixtureRequest, got: Mapping[str, str], folder: Path) -> None:
    """The files of `folder` are just those of `got`; with --update-golden they become so first."""
    if request.config.getoption("--update-golden"):
        write_folder(folder, got, force=True)
        (folder / MARKER).unlink()
    expected = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert sorted(got) == sorted(expected)
    for name, text in got.items():
        assert text == expected[name].read_text(encoding="utf-8"), name
