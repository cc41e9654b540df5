# SPDX-License-Identifier: Apache-2.0
"""mcuedit zoo: the bases that ship with mcuedit."""

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
