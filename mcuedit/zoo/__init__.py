# SPDX-License-Identifier: Apache-2.0
"""Bases that come with mcuedit: a folder each, whose zoo.toml says what is in it and what draws its edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mcuedit._util.atomic import write_folder
from mcuedit._util.errors import McueditError

_DATA = Path(__file__).parent / "data"
_FIRST = "facts"  # what a reader meets first

Files = dict[str, str | bytes]
Draw = Callable[[Path, str | None, int, int], Files]  # folder, kind, count, seed


@dataclass(frozen=True)
class Edits:
    """What draws edits for a base.

    Attributes:
        draw: "module:function", a `Draw`.
        count: edits that are drawn unless somebody wants another number.
        kinds: empty: of one kind only.
    """

    draw: str
    count: int
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One zoo.toml; the base is called as its folder.

    Attributes:
        description: what it is, in a line.
        files: of its folder, which are exported.
        edits: None: nothing draws any.
    """

    name: str
    description: str
    files: tuple[str, ...]
    edits: Edits | None


def names() -> list[str]:
    """Names of all bases."""
    found = sorted(path.parent.name for path in _DATA.glob("*/zoo.toml"))
    return sorted(found, key=lambda name: name != _FIRST)


def entry(name: str) -> Entry:
    """What a base's zoo.toml says.

    Raises:
        McueditError: there is no such base, or its zoo.toml is malformed.
    """
    from mcuedit.zoo import form  # takes pydantic's time

    return form.read(folder(name) / "zoo.toml")


def folder(name: str) -> Path:
    """Where a base's files lie in this package; a BASE for every function that takes one.

    Raises:
        McueditError: there is no such base.
    """
    if name not in names():
        raise McueditError(f"no base {name!r} in the zoo", f"there are: {', '.join(names())}")
    return _DATA / name


def export(name: str, path: Path) -> None:
    """Writes a base's files as a folder, whole or not at all.

    Raises:
        McueditError: there is no such base, or the place is taken.
    """
    source = folder(name)
    write_folder(path, {file: (source / file).read_bytes() for file in entry(name).files})


def draw_files(name: str, kind: str | None, count: int | None, seed: int) -> Files:
    """Draws an edit set for a base: file names and contents, as `mcuedit edit` reads them.

    Args:
        kind: for a base that has several, as `digits` does: "slanted", "relabelled" or "new".
        count: None for the usual one.

    Raises:
        McueditError: there is no such base or kind, or not as many edits.
    """
    edits = entry(name).edits
    if edits is None:
        raise McueditError(f"nothing draws edits for {name}", "write some: see 'mcuedit edit --help'")
    if kind is not None and not edits.kinds:
        raise McueditError(f"{name} has edits of one kind only", "leave --kind away")
    if kind is not None and kind not in edits.kinds:
        raise McueditError(f"no edits of kind {kind!r} for {name}", f"there are: {', '.join(edits.kinds)}")
    module, function = edits.draw.split(":")
    draw: Draw = getattr(import_module(module), function)
    return draw(folder(name), kind or next(iter(edits.kinds), None), count or edits.count, seed)


def draw_edits(name: str, count: int, seed: int) -> tuple[str, str]:
    """Draws an edit set for a base of text.

    Returns:
        (lines of edits, lines of the keep set), JSONL
    """
    from mcuedit.zoo.draw import drawn

    return drawn(folder(name), count, seed)
