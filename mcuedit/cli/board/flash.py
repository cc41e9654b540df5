# SPDX-License-Identifier: Apache-2.0
"""mcuedit flash: firmware and adapters onto a board."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter import folder as adapter_dir
from mcuedit.api.flashing import Flashed, FlashOptions, InSlot, flash
from mcuedit.boards.flashing.runners import RUNNERS
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, notes, print_json, stderr, stdout, table
from mcuedit.cli._shared.files import read_bytes, zoo_base
from mcuedit.cli._shared.options import PATH, SECONDS, into, path, whole
from mcuedit.model import bundle


@dataclass(frozen=True)
class _Given:
    board_name: str
    elf: Path | None
    adapter: Path | None
    slot: int | None
    base_path: Path | None
    runner: str | None
    timeout: float
    dry_run: bool
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit flash nrf52840dk firmware.elf",
        "mcuedit flash nrf52840dk --adapter gitega.bin --slot 0",
        "mcuedit flash nrf52840dk firmware.elf --runner openocd --dry-run",
    )
)
@click.argument("board_name", metavar="BOARD")
@click.argument("elf", metavar="[ELF]", required=False, type=PATH)
@path("--adapter", metavar="F", help="Device bytes, or an adapter's folder, for a slot.")
@whole("--slot", 0, metavar="N", help="The slot that takes the adapter.")
@path("--base", "base_path", metavar="BASE", help="Check that the adapter is for this base.")
@click.option("--runner", type=click.Choice(list(RUNNERS)), help="The flasher, if not the board's own choice.")
@click.option("--timeout", type=SECONDS, default=300, show_default=True, help="Seconds that the flasher may take.")
@click.option("--dry-run", is_flag=True, help="Check everything, show the command lines, run none.")
@options.json_option
@into(_Given)
def command(given: _Given) -> None:
    """Write a firmware, an adapter, or both to a board, and verify.

    An adapter goes to a slot of its own; firmware and model stay as they are, and a firmware stays out of the slots.
    All is checked against the board's memory map first. What the flasher says goes to stderr. An error says what is on
    the board.
    """
    flashed = _flash(given)
    if given.as_json:
        _print_json(given, flashed)
    elif given.dry_run:
        stdout().print("\n".join(map(shlex.join, flashed.commands.lines)))
    else:
        images = [image for image, _ in flashed.commands.images]
        rows = [(i.title, f"0x{i.address:08x}", f"{i.size:,}", flashed.states[i.title]) for i in images]
        stdout().print(table("", ("what", "address", "bytes", "state"), rows, left=("state",)))


def _flash(given: _Given) -> Flashed:
    adapter = None
    if (given.adapter is None) != (given.slot is None):
        raise McueditError("--adapter and --slot belong together", "give both, or neither for a firmware alone")
    if given.adapter is not None and given.slot is not None:
        adapter = InSlot(_device_bytes(given.adapter, given.base_path), given.slot, str(given.adapter))
    try:
        how = FlashOptions(given.runner, given.timeout, given.dry_run, _pass_on)
        return flash(given.board_name, given.elf, adapter, how)
    except KeyboardInterrupt as stopped:
        notes(getattr(stopped, "__notes__", ()))
        raise


def _pass_on(text: str) -> None:
    stderr().file.write(text)
    stderr().file.flush()


def _device_bytes(adapter: Path, base_path: Path | None) -> bytes:
    """Of a folder or a file; the former takes a base to make them, the latter only to check them."""
    known = bundle.load(base_path) if base_path else None
    if adapter.is_dir():
        loaded = adapter_dir.load(adapter)
        return encoding.encode(loaded, (known or zoo_base([loaded])).model)
    data = read_bytes(adapter, "give device bytes or an adapter's folder")
    if known:
        encoding.decode(data, known.model, str(adapter))
    return data


def _print_json(given: _Given, flashed: Flashed) -> None:
    values: dict[str, object] = {
        "board": given.board_name,
        "runner": flashed.commands.runner,
        "dry_run": given.dry_run,
        "commands": [shlex.join(argv) for argv in flashed.commands.lines],
    }
    for image, _ in flashed.commands.images:
        key, state = "firmware" if image.elf else "adapter", flashed.states[image.title]
        values |= {f"{key}_address": image.address, f"{key}_bytes": image.size, f"{key}_state": state}
    print_json(values)
