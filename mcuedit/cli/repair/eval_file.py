# SPDX-License-Identifier: Apache-2.0
"""mcuedit eval of a .tflite that emit --augment wrote, in stock runtimes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.api.inputs import facts_of, tensor_set
from mcuedit.benchmark import edits
from mcuedit.cli._shared.files import are_tensors, keep_set
from mcuedit.codegen import augment
from mcuedit.codegen.augment.stock import LiteRt, StockTflm
from mcuedit.edits import load_edits
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.model.bundle import Base

RUNTIMES = {"tflite_micro": StockTflm, "LiteRT": LiteRt}


def found(paths: Sequence[Path]) -> tuple[bytes, augment.Mark] | None:
    """The only file and what it says of itself; None where none of the files is one.

    Raises:
        McueditError: it is not the only one.
    """
    marked = []
    for path in paths:
        if path.is_file():
            data = bounded.read(path, bounded.MODEL, "give an adapter, or a .tflite")
            if (mark := augment.read(data)) is not None:
                marked.append((data, mark))
    if marked and len(paths) > 1:
        raise McueditError(f"{len(paths)} adapters, one of them in a .tflite", "measure that file by itself")
    return marked[0] if marked else None


def measured(
    base: Base, data: bytes, mark: augment.Mark, edit_path: Path, keep_path: Path | None
) -> Mapping[str, Metrics | TensorMetrics]:
    """By each runtime, against the base in the same one.

    Raises:
        McueditError: the file is of another base, or a runtime refuses it.
    """
    model = base.model
    if mark.base_sha256 != model.sha256:
        raise McueditError(
            f"the file is of another base: {mark.base_sha256[:16]}, this one is {model.sha256[:16]}",
            "'mcuedit strip' gives the base that is in it",
        )
    labels = {int(k): str(v) for k, v in mark.details.get("labels", {}).items()}
    named = Adapter("file", "", model.sha256, (), labels)
    figures: dict[str, Metrics | TensorMetrics] = {}
    for name, make in RUNTIMES.items():
        read, repaired = (edits.reader(base, make(model, raw)) for raw in (model.data, data))
        if are_tensors(edit_path):
            figures[name] = edits.evaluate_tensors(read, [named], tensor_set([edit_path], model), repaired)
        else:
            keep = keep_set(keep_path)
            facts = facts_of(base)
            figures[name] = edits.evaluate(read, [named], load_edits(edit_path), keep, facts, repaired)[0]
    return figures
