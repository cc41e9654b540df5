# SPDX-License-Identifier: Apache-2.0
"""mcuedit zoo: the bases that ship with mcuedit, and edit sets for them."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit import zoo
from mcuedit.cli._shared.common import example, print_json, stderr, stdout, table
from mcuedit.cli._shared.options import json_option


def _counts() -> str:
    drawn = {name: edits.count for name in zoo.names() if (edits := zoo.entry(name).edits)}
    return ", ".join(f"{n} of {name}" for name, n in drawn.items())


@click.group()
def command() -> None:
    """List the bases that ship with mcuedit, or write one to a folder."""


@command.command("list", epilog=example("mcuedit zoo list"))
@json_option
def list_command(as_json: bool) -> None:
    """List the bases."""
    bases = {name: zoo.entry(name).description for name in zoo.names()}
    if as_json:
        print_json(bases)
    else:
        stdout().print(table("", ("base", "what it is"), bases.items(), left=("what it is",)))


@command.command("export", epilog=example("mcuedit zoo export facts facts/"))
@click.argument("name", metavar="NAME", type=click.Choice(zoo.names()))
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


@command.command(
    "edits",
    epilog=example(
        "mcuedit zoo edits facts corrections/ --count 50 --seed 1",
        "mcuedit zoo edits digits slanted/ --kind slanted",
        "mcuedit zoo edits words keyword/ --kind keyword",
    ),
)
@click.argument("name", metavar="NAME", type=click.Choice(zoo.names()))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--kind", help="What to draw: of digits slanted, relabelled or new; of words keyword or speaker.")
@click.option(
    "--count",
    type=click.IntRange(1, 400),
    show_default=_counts(),
    help="Number of edits to draw.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the draw.")
@json_option
def edits_command(name: str, folder: Path, kind: str | None, count: int | None, seed: int, as_json: bool) -> None:
    """Draw edits to DIR.

    For facts edits.jsonl (real changes first, then invented ones, then new names) and keep.jsonl; for digits and words
    edits.npz with what to train on, what to keep, and what to measure with.
    """
    from mcuedit._util.atomic import write_folder

    files = zoo.draw_files(name, kind, count, seed)
    write_folder(folder, files)
    lines = {file.split(".")[0]: text.count("\n") for file, text in files.items() if isinstance(text, str)}
    if as_json:
        print_json({"folder": str(folder), "files": list(files), **lines})
        return
    what = [f"{count} lines in {part}.jsonl" for part, count in lines.items()] or list(files)
    stderr().print(f"{folder}: {', '.join(what)}", markup=False)
