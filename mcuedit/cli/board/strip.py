# SPDX-License-Identifier: Apache-2.0
"""mcuedit strip: the base of an extended .tflite."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit._util import bounded
from mcuedit._util.atomic import write_file
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, stdout
from mcuedit.cli._shared.options import PATH
from mcuedit.codegen.augment import base_of


@click.command(epilog=example("mcuedit strip repaired.tflite -o base.tflite"))
@click.argument("file", metavar="F.tflite", type=PATH)
@options.output_option("BASE.tflite", "File to write.")
@options.json_option
def command(file: Path, output: Path, as_json: bool) -> None:
    """Take adapters out of a .tflite that `mcuedit emit --augment` wrote: its base, byte for byte."""
    data = base_of(bounded.read(file, bounded.MODEL, "give a .tflite file"), str(file))
    write_file(output, data)
    if as_json:
        print_json({"file": str(output), "bytes": len(data)})
    else:
        stdout().print(f"{output}: {len(data):,} bytes", markup=False)
