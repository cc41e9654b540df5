# SPDX-License-Identifier: Apache-2.0
"""mcuedit emit --augment: a base and its adapters as one .tflite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcuedit._util.atomic import write_file
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.cli._shared.common import print_json, stdout, table
from mcuedit.cli._shared.options import is_given
from mcuedit.codegen.augment import Extended, extend
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


def write(output: Path, base: Base, adapters: Sequence[Adapter], form: str, as_json: bool) -> None:
    """Writes the file and says what is in it.

    Raises:
        McueditError: an option is about C sources, or as `extend`.
    """
    if wrong := [option for name, option in _OF_SOURCES.items() if is_given(name)]:
        raise McueditError(f"{wrong[0]} beside --augment", "leave it out: it is about C sources, not about a .tflite")
    if output.is_dir():
        raise McueditError(f"{output}: is a folder", "with --augment -o names a file, such as repaired.tflite")
    made = extend(base.model, adapters, form)
    write_file(output, made.data)
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
        "op_kinds": list(made.all_kinds),
    }


def _shown(base: Base, made: Extended) -> list[tuple[str, object]]:
    figures = _figures(base, made)
    figures["op_kinds"] = ", ".join(made.all_kinds)
    return list(figures.items())
