# SPDX-License-Identifier: Apache-2.0
"""mcuedit emit --augment: a base and its adapters as one .tflite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcuedit._util.atomic import write_file
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.cli._shared.common import notes, print_json, stdout, table
from mcuedit.cli._shared.options import is_given
from mcuedit.codegen.augment import Extended, Limits, allowed, extend
from mcuedit.codegen.augment.helper import inputs_header
from mcuedit.model.bundle import Base

_OF_SOURCES = {  # options that are about C sources, by the name of their value
    "project": "--project",
    "runtime": "--runtime",
    "scales": "--tflm-scales",
    "router": "--router",
    "serve": "--serve",
    "train": "--train",
    "train_op": "--train-op",
}


def limits(ops: str | None, arena: int | None, size: int | None) -> Limits:
    """What the firmware gives.

    Raises:
        McueditError: as `allowed`.
    """
    return Limits(allowed(ops) if ops is not None else None, ops or "", arena, size)


def require_none(*given: object) -> None:
    """Raises where something is given that is about a .tflite alone."""
    if any(value is not None for value in given):
        what = "--ops-allowed, --arena and --max-bytes are about a .tflite"
        raise McueditError(what, "add --augment, or leave them out")


def write(output: Path, base: Base, adapters: Sequence[Adapter], how: tuple[str, Limits], as_json: bool) -> None:
    """Writes the file and says what is in it.

    Raises:
        McueditError: an option is about C sources, or as `extend`.
    """
    if wrong := [option for name, option in _OF_SOURCES.items() if is_given(name)]:
        raise McueditError(f"{wrong[0]} beside --augment", "leave it out: it is about C sources, not about a .tflite")
    if output.is_dir():
        raise McueditError(f"{output}: is a folder", "with --augment -o names a file, such as repaired.tflite")
    made = extend(base.model, adapters, *how)
    notes(made.notes)
    header = inputs_header(output.stem, base.model, adapters, made.given) if made.given else ""
    write_file(output, made.data)
    if header:
        write_file(output.with_name(f"{output.stem}_inputs.h"), header.encode())
    if as_json:
        print_json({"file": str(output), **_figures(base, made)})
        return
    rows = [
        (name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value)
        for name, value in _shown(base, made)
    ]
    stdout().print(table(str(output), ("", "value"), rows))


def _figures(base: Base, made: Extended) -> dict[str, object]:
    size = len(made.data)
    return {
        "form": made.form,
        "bytes": size,
        "added_bytes": size - len(base.model.data),
        "added_ops": len(made.kinds),
        "arena": made.arena,
        "base_arena": made.base_arena,
        "op_kinds": list(made.all_kinds),
    }


def _shown(base: Base, made: Extended) -> list[tuple[str, object]]:
    figures = _figures(base, made)
    figures["op_kinds"] = ", ".join(made.all_kinds)
    return list(figures.items())
