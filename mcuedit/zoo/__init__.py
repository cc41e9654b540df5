# SPDX-License-Identifier: Apache-2.0
"""Bases that come with mcuedit."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mcuedit._util.atomic import write_folder
from mcuedit._util.errors import McueditError

_DATA = Path(__file__).parent / "data"
BASES = {
    "facts": "text question -> answer, about 1,000 facts about countries as an outdated device knows them",
    "digits": "image of 8 x 8 pixels -> digit, or a sign that is to come",
}
COUNTS = {"facts": 50, "digits": 30}  # edits that are drawn unless somebody wants another number
_FILES = {
    "facts": ("model.tflite", "labels.txt", "preprocess.json", "facts.jsonl", "old_world.json"),
    "digits": ("model.tflite", "labels.txt", "digits.npz"),
}


def folder(name: str) -> Path:
    """Where a base's files lie in this package; a BASE for every function that takes one.

    Raises:
        McueditError: there is no such base.
    """
    if name not in BASES:
        raise McueditError(f"no base {name!r} in the zoo", f"there are: {', '.join(BASES)}")
    return _DATA / name


def export(name: str, path: Path) -> None:
    """Writes a base's files as a folder, whole or not at all.

    Raises:
        McueditError: there is no such base, or the place is taken.
    """
    source = folder(name)
    write_folder(path, {file: (source / file).read_bytes() for file in _FILES[name]})


def draw_files(name: str, kind: str | None, count: int | None, seed: int) -> dict[str, str | bytes]:
    """Draws an edit set for a base: file names and contents, as `mcuedit edit` reads them.

    Args:
        kind: for a base that has several, as `digits` does: "slanted", "relabelled" or "new".
        count: None for the usual one.

    Raises:
        McueditError: there is no such base or kind, or not as many edits.
    """
    folder(name)
    count = count or COUNTS[name]
    if name == "digits":
        import numpy as np

        from mcuedit.zoo import digits_edits

        file = io.BytesIO()
        arrays: dict[str, Any] = digits_edits.draw(kind or digits_edits.KINDS[0], count, seed)
        np.savez_compressed(file, **arrays)
        return {"edits.npz": file.getvalue()}
    if kind is not None:
        raise McueditError(f"{name} has edits of one kind only", "leave --kind away")
    edits, keep = draw_edits(name, count, seed)
    return {"edits.jsonl": edits, "keep.jsonl": keep}


def draw_edits(name: str, count: int, seed: int) -> tuple[str, str]:
    """Draws an edit set for a base of text.

    Returns:
        (lines of edits, lines of the keep set), JSONL
    """
    from mcuedit.edits import load_facts
    from mcuedit.model import bundle
    from mcuedit.zoo.draw import draw

    source = folder(name)
    facts = load_facts(source / "facts.jsonl").edits
    changes = json.loads((source / "old_world.json").read_text(encoding="utf-8"))
    edits, keep = draw(facts, bundle.load(source).labels or (), changes, count, seed)
    kept = [{"subject": f.subject, "relation": f.relation, "prompts": f.prompts, "answer": f.target_new} for f in keep]
    return _lines(e.to_dict() for e in edits), _lines(kept)


def _lines(objects: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects)
