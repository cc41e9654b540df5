# SPDX-License-Identifier: Apache-2.0
"""mcuedit zoo: the bases that ship with mcuedit, and edit sets for them."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit import zoo
from mcuedit.cli._common import example, json_option, print_json, stderr, stdout, table


@click.group()
def command() -> None:
    """List the bases that ship with mcuedit, or write one to a folder."""


@command.command("list", epilog=example("mcuedit zoo list"))
@json_option
def list_command(as_json: bool) -> None:
    """List the bases."""
    if as_json:
        print_json(dict(zoo.BASES))
    else:
        stdout().print(table("", ("base", "what it is"), zoo.BASES.items(), left=("what it is",)))


@command.command("export", epilog=example("mcuedit zoo export facts facts/"))
@click.argument("name", metavar="NAME", type=click.Choice(list(zoo.BASES)))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def export_command(name: str, folder: Path, as_json: bool) -> None:
    """Write a base to DIR: model.tflite, labels.txt, preprocess.json, facts.jsonl."""
    zoo.export(name, folder)
    files = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if as_json:
        print_json({"name": name, "folder": str(folder), "files": files})
    else:
        stderr().print(f"{folder}: {', '.join(files)}", markup=False)


@command.command("edits", epilog=example("mcuedit zoo edits facts corrections/ --count 50 --seed 1"))
@click.argument("name", metavar="NAME", type=click.Choice(list(zoo.BASES)))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--count", default=50, show_default=True, type=click.IntRange(1, 400), help="Edits to draw.")
@click.option("--seed", default=0, show_default=True, help="Of the draw.")
@json_option
def edits_command(name: str, folder: Path, count: int, seed: int, as_json: bool) -> None:
    """Draw edits to DIR: edits.jsonl (real changes first, then invented ones, then new names) and keep.jsonl."""
    from mcuedit.atomic import write_folder

    edits, keep = zoo.draw_edits(name, count, seed)
    write_folder(folder, {"edits.jsonl": edits, "keep.jsonl": keep})
    if as_json:
        print_json({"folder": str(folder), "edits": edits.count("\n"), "keep": keep.count("\n")})
    else:
        lines = edits.count("\n"), keep.count("\n")
        stderr().print(f"{folder}: {lines[0]} edits in edits.jsonl, {lines[1]} facts in keep.jsonl", markup=False)
