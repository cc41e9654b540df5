# SPDX-License-Identifier: Apache-2.0
"""mcuedit inspect of a .tflite that emit --augment wrote."""

from __future__ import annotations

from pathlib import Path

from mcuedit._util import bounded
from mcuedit.cli._shared.common import print_json, stdout, table
from mcuedit.cli._shared.terminal import styled
from mcuedit.codegen import augment

_HINT = "give a .tflite file"


def found(what: Path) -> tuple[bytes, augment.Mark] | None:
    """The file and what it says of itself; None where it is no such file."""
    if not what.is_file():
        return None
    data = bounded.read(what, bounded.MODEL, _HINT)
    mark = augment.read(data)
    return None if mark is None else (data, mark)


def show(what: Path, data: bytes, mark: augment.Mark, as_json: bool) -> None:
    """Everything that the file says of itself."""
    augment.base_of(data, str(what))
    names, versions, ids = (list(part) for part in zip(*mark.adapters, strict=True))
    if as_json:
        print_json(
            {
                "kind": "augmented",
                "form": mark.form,
                "bytes": len(data),
                "base_sha256": mark.base_sha256,
                "base_bytes": mark.base_size,
                "adapters": names,
                "versions": versions,
                "adapter_sha256": ids,
                **mark.details,
            }
        )
        return
    out = stdout()
    out.print(styled((what.name, "bold"), f" {mark.form}: {len(data):,} bytes, of them {mark.base_size:,} the base"))
    out.print(f"of base {mark.base_sha256}")
    out.print(table("", ("adapter", "version", "sha256 of its device bytes"), mark.adapters, left=("version",)))
    out.print(f"the base by itself: mcuedit strip {what} -o base.tflite", markup=False)
