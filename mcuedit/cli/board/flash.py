# SPDX-License-Identifier: Apache-2.0
"""mcuedit flash: firmware and adapters onto a board."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter import folder as adapter_dir
from mcuedit.boards import board, flashing
from mcuedit.boards.flashing.runners import RUNNERS, runner_of
from mcuedit.cli._shared.common import example, json_option, note, print_json, stderr, stdout, table
from mcuedit.cli._shared.files import PATH, zoo_base
from mcuedit.model import bundle


@click.command(
    epilog=example(
        "mcuedit flash nrf52840dk firmware.elf",
        "mcuedit flash nrf52840dk --adapter gitega.bin --slot 0",
        "mcuedit flash nrf52840dk firmware.elf --runner openocd --dry-run",
    )
)
@click.argument("board_name", metavar="BOARD")
@click.argument("elf", metavar="[ELF]", required=False, type=PATH)
@click.option("--adapter", metavar="F", type=PATH, help="Device bytes, or an adapter's folder, for a slot.")
@click.option("--slot", metavar="N", type=click.IntRange(0), help="The slot that takes the adapter.")
@click.option("--base", "base_path", metavar="BASE", type=PATH, help="Check that the adapter is for this base.")
@click.option("--runner", type=click.Choice(list(RUNNERS)), help="The flasher, if not the board's own choice.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300,
    show_default=True,
    help="Seconds that the flasher may take.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, show the command lines, run none.")
@json_option
def command(
    board_name: str,
    elf: Path | None,
    adapter: Path | None,
    slot: int | None,
    base_path: Path | None,
    runner: str | None,
    timeout: float,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write a firmware, an adapter, or both to a board, and verify.

    An adapter goes to a slot of its own; firmware and model stay as they are, and a firmware stays out of the slots.
    All is checked against the board's memory map first. What the flasher says goes to stderr. An error says what is on
    the board.
    """
    to = board.load(board_name)
    chosen, _ = runner_of(to, runner)
    images = [flashing.firmware_image(to, elf, packed=RUNNERS[chosen].packed)] if elf else []
    if (adapter is None) != (slot is None):
        raise McueditError("--adapter and --slot belong together", "give both, or neither for a firmware alone")
    if adapter is not None and slot is not None:
        images.append(flashing.adapter_image(to, str(adapter), _device_bytes(adapter, base_path), slot))
    if not images:
        raise McueditError("nothing to write", "give an ELF file, or --adapter F --slot N")
    with system.folder() as folder:
        commands = flashing.commands(to, images, chosen, Path() if dry_run else Path(folder))
        states = dict.fromkeys((image.title for image in images), "")
        if not dry_run:
            states = _run(flashing.Session(commands, timeout, _pass_on))
    if as_json:
        _print_json(board_name, commands, states, dry_run)
    elif dry_run:
        click.echo("\n".join(map(shlex.join, commands.lines)))
    else:
        rows = [(i.title, f"0x{i.address:08x}", f"{i.size:,}", states[i.title]) for i in images]
        stdout().print(table("", ("what", "address", "bytes", "state"), rows, left=("state",)))


def _run(session: flashing.Session) -> dict[str, str]:
    try:
        session.run()
    except KeyboardInterrupt:
        note(session.state())
        raise
    return session.states


def _pass_on(text: str) -> None:
    stderr().file.write(text)
    stderr().file.flush()


def _device_bytes(path: Path, base_path: Path | None) -> bytes:
    """Of a folder or a file; the former takes a base to make them, the latter only to check them."""
    known = bundle.load(base_path) if base_path else None
    if path.is_dir():
        loaded = adapter_dir.load(path)
        return encoding.encode(loaded, (known or zoo_base([loaded])).model)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", "give device bytes or an adapter's folder") from error
    if known:
        encoding.decode(data, known.model, str(path))
    return data


def _print_json(name: str, commands: flashing.Commands, states: dict[str, str], dry_run: bool) -> None:
    values: dict[str, object] = {
        "board": name,
        "runner": commands.runner,
        "dry_run": dry_run,
        "commands": [shlex.join(argv) for argv in commands.lines],
    }
    for image, _ in commands.images:
        key = "firmware" if image.elf else "adapter"
        values |= {f"{key}_address": image.address, f"{key}_bytes": image.size, f"{key}_state": states[image.title]}
    print_json(values)
