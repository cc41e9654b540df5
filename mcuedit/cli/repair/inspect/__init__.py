# SPDX-License-Identifier: Apache-2.0
"""mcuedit inspect: what is in a base, an adapter or a package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding, folder
from mcuedit.cli._shared import options, packages
from mcuedit.cli._shared.common import example
from mcuedit.cli._shared.files import load_chosen, read_bytes
from mcuedit.cli._shared.options import PATH, into, path
from mcuedit.cli._shared.training import effort_option
from mcuedit.cli.repair.inspect import adapter, augmented, base, ranking
from mcuedit.model import bundle
from mcuedit.package.container import MAGIC as PACKAGE_MAGIC


@dataclass(frozen=True)
class _Given:
    path: Path
    base_path: Path | None
    edit_paths: tuple[Path, ...]
    keep_path: Path | None
    key_paths: tuple[Path, ...]
    against: Path | None
    output_name: str | None
    effort: float
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit inspect facts/",
        "mcuedit inspect gitega.bin --base facts/",
        "mcuedit inspect fix.mcu --key key.pub",
    )
)
@click.argument("path", metavar="BASE|ADAPTER|PACKAGE", type=PATH)
@path("--base", "base_path", help="Base that device bytes or a package belong to.")
@options.edit_sets_option("Edit set for which the places in BASE are ranked.", required=False)
@options.keep_option("With --edits: prompts that must not change.", metavar="K", required=False)
@options.keys_option("Check a package's signature.")
@path("--against", metavar="F.tflite", help="Compare a package with a patch to this model.")
@options.output_name_option
@effort_option
@options.json_option
@into(_Given)
def command(given: _Given) -> None:
    """Show what is in a base, an adapter or a package.

    A base is a .tflite, or a folder as `mcuedit zoo export` writes it; an adapter is a folder as `mcuedit edit` writes
    it, or device bytes; a package is what `mcuedit pack` writes; of a .tflite by `mcuedit emit --augment` it shows what
    is in there. With --edits: where in the base `mcuedit edit` would
    place them, and how the others did.
    """
    what, as_json = given.path, given.as_json
    head = _head(what)
    if head == PACKAGE_MAGIC:
        packages.inspect(what, given.base_path, given.key_paths, given.against, as_json)
        return
    if given.key_paths or given.against is not None:
        raise McueditError(f"{what}: no package", "--key and --against are for what 'mcuedit pack' writes")
    if given.edit_paths:
        ranking.show(load_chosen(what, given.output_name), given.edit_paths, given.keep_path, given.effort, as_json)
    elif (what / "adapter_config.json").is_file():
        adapter.show(folder.load(what), None, as_json)
    elif head[:3] == encoding.MAGIC[:3]:
        if given.base_path is None:
            raise McueditError(f"{what}: device bytes are read against their base", "add --base BASE")
        data = read_bytes(what, "give device bytes")
        adapter.show(encoding.decode(data, bundle.load(given.base_path).model, what.name), data, as_json)
    elif (extended := augmented.found(what)) is not None:
        augmented.show(what, *extended, as_json)
    else:
        base.show(bundle.load(what), as_json)


def _head(what: Path) -> bytes:
    """The first bytes of a file; none of anything else."""
    if not what.is_file():
        return b""
    with what.open("rb") as file:
        return file.read(4)
