# SPDX-License-Identifier: Apache-2.0
"""mcuedit boards"""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit._util import atomic, resources, textfile
from mcuedit.boards import board
from mcuedit.boards.memory import Region
from mcuedit.boards.render import SHARED, render
from mcuedit.cli._shared.common import example, print_json, stdout, table
from mcuedit.cli._shared.options import PATH, json_option

_HERE = Path()  # stands for the folder that the boards were read from


@click.command(epilog=example("mcuedit boards", "mcuedit boards --json", "mcuedit boards --write"))
@click.option(
    "--write",
    "target",
    is_flag=False,
    flag_value=_HERE,
    type=PATH,
    metavar="[DIR]",
    help="Write the files made from each board.toml, to its folder or to DIR/NAME/.",
)
@json_option
def command(target: Path | None, as_json: bool) -> None:
    """List the boards: each is a folder boards/<name>/ with a board.toml.

    Renode's script, robot and platform, and flash.sh, are made from board.toml: --write writes them.
    """
    if target is not None:
        return _write(None if target == _HERE else target, as_json)
    boards = [board.load(name) for name in board.names()]
    if as_json:
        values: dict[str, object] = {"boards": [b.name for b in boards]}
        for b in boards:
            values |= {
                f"{b.name}_description": b.description,
                f"{b.name}_cpu": b.cpu,
                f"{b.name}_flash": b.flash.length,
                f"{b.name}_ram": b.ram.length,
                f"{b.name}_store": b.store.length if b.store else 0,
                f"{b.name}_emulators": list(b.emulators),
                f"{b.name}_runners": _runners(b),
            }
        print_json(values)
        return
    rows = [
        (
            b.name,
            b.cpu,
            *map(_size, (b.flash, b.ram, b.store)),
            ", ".join(b.emulators),
            ", ".join(_runners(b)),
            b.description,
        )
        for b in boards
    ]
    columns = ("board", "cpu", "flash", "RAM", "store", "emulator", "flashed by", "description")
    stdout().print(table("", columns, rows, left=("cpu", "emulator", "flashed by", "description")))


def _write(target: Path | None, as_json: bool) -> None:
    source = resources.path("boards")
    files = {f"{name}/{file}": text for name in board.names() for file, text in render(board.load(name)).items()}
    if target is not None:
        files |= {name: textfile.read(source / name, "install mcuedit again") for name in SHARED}
    for name, text in files.items():
        path = (target or source) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, text.encode())
        if name.endswith(".sh"):
            path.chmod(path.stat().st_mode | 0o111)
    if as_json:
        print_json({"folder": str(target or source), "files": sorted(files)})
    else:
        stdout().print(f"{target or source}: {len(files)} files", markup=False)


def _runners(b: board.Board) -> list[str]:
    return b.flashing.runners if b.flashing else []


def _size(region: Region | None) -> str:
    return f"{region.length // 1024} K" if region else ""
