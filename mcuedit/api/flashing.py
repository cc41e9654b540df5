# SPDX-License-Identifier: Apache-2.0
"""Firmware for devices that take packages, and bytes onto boards, as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit.api.base import Base
from mcuedit.api.inputs import Keep
from mcuedit.api.learning import carried
from mcuedit.boards import board as boards
from mcuedit.boards import flashing
from mcuedit.boards.flashing.runners import RUNNERS, runner_of
from mcuedit.build.options import BuildOptions
from mcuedit.emulate.devices.updatable import FACTORY, DeviceSetup, build_device, build_program
from mcuedit.package.keys import PublicKey

SMALL = BuildOptions(opt="s")


@dataclass(frozen=True)
class Firmware:
    """A device that takes packages.

    Attributes:
        data: an ELF file for a board, or a program of this machine.
        board: its name; empty for a program.
        flash, ram: bytes that it takes of the board, the stack apart.
    """

    data: bytes
    board: str = ""
    flash: int = 0
    ram: int = 0


@dataclass(frozen=True)
class InSlot:
    """Device bytes of an adapter, for a slot of a board; `name` is for messages."""

    data: bytes
    slot: int
    name: str = "adapter"


@dataclass(frozen=True)
class FlashOptions:
    """How a board is written.

    Attributes:
        runner: the flasher; None: the board's own choice.
        timeout: seconds that one command of it may take.
        dry_run: everything is checked, nothing is run.
        say: is given what the flasher writes, as it comes.
    """

    runner: str | None = None
    timeout: float = 300.0
    dry_run: bool = False
    say: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Flashed:
    """What was run, and the state of each image by its title; empty after a dry run."""

    commands: flashing.Commands
    states: dict[str, str]


def build_firmware(
    base: Base,
    keys: Sequence[PublicKey] = (),
    board: str | None = None,
    *,
    setup: DeviceSetup = FACTORY,
    learn: Keep | None = None,
    build: BuildOptions = SMALL,
) -> Firmware:
    """Builds a device that runs a base and takes packages.

    Args:
        keys: whose packages it accepts; without any it activates none.
        board: one of `mcuedit boards`; None: a program of this machine, which speaks UDP.
        setup: its id, whose commands it obeys, and whether it is for development.
        learn: of a board: it is taught, too, and carries statistics of this keep set.

    Raises:
        McueditError: the base does not fit, the board has no place for a store, or there is no compiler.
    """
    with system.folder() as name:
        folder = Path(name)
        if board is None:
            return Firmware(build_program(base, keys, folder, setup).read_bytes())
        made = replace(setup, learns=carried(base.reader, learn)) if learn is not None else setup
        built = build_device(base, keys, boards.load(board), folder, made, build)
        size = built.footprint
        flash, ram = size.code_total + size.model + size.data, size.data + size.bss
        return Firmware(built.elf.read_bytes(), board, flash, ram)


DEFAULT = FlashOptions()


def flash(
    board: str, firmware: Path | None = None, adapter: InSlot | None = None, options: FlashOptions = DEFAULT
) -> Flashed:
    """Writes a firmware, an adapter, or both to a board, and verifies.

    All is checked against the board's memory map first: an adapter goes to a slot of its own, and a firmware stays out
    of the slots.

    Args:
        firmware: an ELF file.

    Raises:
        McueditError: nothing is given, it does not fit, or the flasher failed; the message says what is on the board.
        KeyboardInterrupt: a note of it says the same.
    """
    to = boards.load(board)
    chosen, _ = runner_of(to, options.runner)
    images = [flashing.firmware_image(to, firmware, packed=RUNNERS[chosen].packed)] if firmware else []
    if adapter is not None:
        images.append(flashing.adapter_image(to, adapter.name, adapter.data, adapter.slot))
    if not images:
        raise McueditError("nothing to write", "give an ELF file, or --adapter F --slot N")
    with system.folder() as folder:
        commands = flashing.commands(to, images, chosen, Path() if options.dry_run else Path(folder))
        if options.dry_run:
            return Flashed(commands, dict.fromkeys((image.title for image in images), ""))
        session = flashing.Session(commands, options.timeout, options.say)
        try:
            session.run()
        except KeyboardInterrupt as stopped:
            stopped.add_note(session.state())
            raise
        return Flashed(commands, session.states)
