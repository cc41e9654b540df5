# SPDX-License-Identifier: Apache-2.0
"""mcuedit boards"""

from __future__ import annotations

import click

from mcuedit.boards import board
from mcuedit.boards.memory import Region
from mcuedit.cli._shared.common import example, json_option, print_json, stdout, table


@click.command(epilog=example("mcuedit boards", "mcuedit boards --json"))
@json_option
def command(as_json: bool) -> None:
    """List the boards: each is a folder boards/<name>/ with a board.toml."""
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


def _runners(b: board.Board) -> list[str]:
    return b.flashing.runners if b.flashing else []


def _size(region: Region | None) -> str:
    return f"{region.length // 1024} K" if region else ""
