# SPDX-License-Identifier: Apache-2.0
"""What a zoo.toml may hold, and the entry that it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from mcuedit._util import schema
from mcuedit.zoo import Edits, Entry

Text = Annotated[str, Field(min_length=1)]


def _function(name: str) -> str:
    if ":" not in name:
        raise ValueError("module:function")
    return name


class _Edits(schema.Form):
    draw: Annotated[str, AfterValidator(_function)]
    count: Annotated[int, Field(ge=0)]
    kinds: list[Text] = Field(default=[])


class _Entry(schema.Form):
    description: Text
    files: Annotated[list[Text], Field(min_length=1)]
    edits: _Edits | None = None


def read(path: Path) -> Entry:
    """A zoo.toml; the base is called as its folder.

    Raises:
        McueditError: naming the file, and every key with what is expected there.
    """
    toml = schema.read_toml(path, _Entry, "mcuedit/zoo/data/facts/zoo.toml")
    edits = Edits(toml.edits.draw, toml.edits.count, tuple(toml.edits.kinds)) if toml.edits else None
    return Entry(path.parent.name, toml.description, tuple(toml.files), edits)
