# SPDX-License-Identifier: Apache-2.0
"""What functions take for edits and keep sets: a file, a set, or plain records; and what a base's folder knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter import folder
from mcuedit.adapter.delta import Adapter
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet, load_edits, load_facts, load_keep
from mcuedit.edits.reader import parse_edits, parse_keep
from mcuedit.edits.tensor_sets import load_for
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model

Edits: TypeAlias = str | Path | EditSet | TensorSet | Sequence[Mapping[str, Any]]
Keep: TypeAlias = str | Path | KeepSet | Sequence[str]
FACTS = "facts.jsonl"


def any_edits(edits: Edits, model: Model) -> EditSet | TensorSet:
    """An edit set of text or of tensors.

    Args:
        edits: a set, the path of its .jsonl, .json or .npz, or records with the fields of a line of .jsonl.

    Raises:
        McueditError: as `load_edits` and `load_for`.
    """
    if isinstance(edits, EditSet | TensorSet):
        return edits
    if not isinstance(edits, str | Path):
        return parse_edits(edits)
    return tensor_set([Path(edits)], model) if Path(edits).suffix == ".npz" else load_edits(edits)


def any_keep(keep: Keep | None) -> KeepSet:
    """A keep set: itself, the path of its file, or the prompts.

    Raises:
        McueditError: none is given, or as `load_keep`.
    """
    if keep is None:
        raise McueditError("no keep set", "give keep: prompts whose answers must not change, or their file")
    if isinstance(keep, KeepSet):
        return keep
    return load_keep(keep) if isinstance(keep, str | Path) else parse_keep(keep)


def what_stays(keep: Keep | TensorSet, model: Model) -> KeepSet | Int8Array:
    """What is to be kept: prompts, or inputs of a set of tensors, which may be the path of its .npz.

    Raises:
        McueditError: as `load_keep` and `load_for`, or there is nothing to be kept among the tensors.
    """
    if isinstance(keep, str | Path) and Path(keep).suffix == ".npz":
        keep = load_for(keep, model)
    if not isinstance(keep, TensorSet):
        return any_keep(keep)
    if not len(keep.keep):
        raise McueditError(f"{keep.source}: nothing to keep", "give an array 'keep' of inputs whose answers must stay")
    return keep.keep


def edit_set(paths: Sequence[Path]) -> EditSet:
    """The edits of several files, as one set."""
    sets = [load_edits(path) for path in paths]
    return replace(
        sets[0],
        edits=tuple(e for s in sets for e in s.edits),
        source=", ".join(s.source for s in sets),
        notes=tuple(n for s in sets for n in s.notes),
    )


def tensor_set(paths: Sequence[Path], model: Model) -> TensorSet:
    """Edits of tensors; they stand in one file."""
    if len(paths) > 1:
        raise McueditError("several edit files with tensors", "put them into one .npz")
    return load_for(paths[0], model)


def facts_of(base: Base) -> tuple[Edit, ...]:
    """What the base was taught, for evaluation only; nothing if its folder does not say."""
    file = base.folder / FACTS if base.folder else None
    return load_facts(file).edits if file and file.exists() else ()


def edits_of(path: Path) -> tuple[Edit, ...]:
    """The edits that an adapter's folder remembers; none for device bytes."""
    file = path / folder.EDITS
    return load_edits(file).edits if file.exists() else ()


def remembered(adapter: Adapter) -> tuple[Edit, ...]:
    """The edits that an adapter remembers."""
    text = adapter.files.get(folder.EDITS, "")
    return parse_edits(text, f"{adapter.name}: {folder.EDITS}").edits if text else ()
