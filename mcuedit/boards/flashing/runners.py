# SPDX-License-Identifier: Apache-2.0
"""The flashers: how each is called, and what it says when all went well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board
from mcuedit.boards.flashing.flash_image import Image

_OBJCOPY = "arm-none-eabi-objcopy"
_INSTALL_OBJCOPY = "apt install binutils-arm-none-eabi"


@dataclass(frozen=True)
class Step:
    """One command line of a commands.

    Attributes:
        writes: the flash may be half-written while it runs.
        files: made before, path to bytes.
        checks: a file that was made by an earlier step, and its board: it must fit.
        proof: what the program says, and how often, when the flash holds the bytes; None: its exit code is all.
    """

    argv: tuple[str, ...]
    writes: bool = False
    files: Mapping[Path, bytes] = field(default_factory=dict)
    checks: tuple[Path, Board] | None = None
    proof: tuple[str, int] | None = None


@dataclass(frozen=True)
class Commands:
    """What to do, image by image, in this order."""

    runner: str
    images: tuple[tuple[Image, tuple[Step, ...]], ...]

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """All command lines."""
        return [step.argv for _, steps in self.images for step in steps]


class Runner(Protocol):
    """A flasher.

    Attributes:
        no_probe: what it says when no board answers; compared in lower case.
        install: how to get the programs it takes.
        packed: it writes an image that is made of the ELF file.
    """

    no_probe: Sequence[str]
    install: Mapping[str, str]
    packed: bool

    def steps(self, board: Board, target: str, image: Image, folder: Path) -> tuple[Step, ...]:
        """Writes one image and reads it back; files go to `folder`."""


class Pyocd:
    """pyOCD writes and does not read back: a second command compares every piece."""

    no_probe: Sequence[str] = ("no available debug probe", "no target device available", "no connected debug probe")
    install: Mapping[str, str] = {"pyocd": "pip install pyocd"}
    packed = False

    def steps(self, board: Board, target: str, image: Image, folder: Path) -> tuple[Step, ...]:
        to = ("--no-wait", "--target", target)
        parts = {folder / f"{image.stem}{i or ''}.bin": data for i, (_, data) in enumerate(image.segments)}
        elf = ("--format", "elf", str(image.elf))
        adapter = ("--format", "bin", "--base-address", f"0x{image.address:08x}", str(next(iter(parts))))
        load = ("pyocd", "load", *to, "--erase", "sector", *(elf if image.elf else adapter))
        compare = [
            f'compare 0x{address:08x} "{path}"' for (address, _), path in zip(image.segments, parts, strict=True)
        ]
        commands = [word for command in (*compare, "reset") for word in ("--command", command)]
        return (
            Step(load, writes=True, files=parts),
            Step(("pyocd", "commander", *to, *commands), proof=("bytes match.", len(parts))),
        )


class Openocd:
    """OpenOCD's `program`."""

    no_probe: Sequence[str] = (
        "open failed",
        "unable to open",
        "no device found",
        "unable to find a matching",
        "no j-link device",
    )
    install: Mapping[str, str] = {"openocd": "apt install openocd"}
    packed = False

    def steps(self, board: Board, target: str, image: Image, folder: Path) -> tuple[Step, ...]:
        path, files, where = image.elf, {}, ""
        if path is None:
            path = folder / f"{image.stem}.bin"
            files, where = {path: image.segments[0][1]}, f" 0x{image.address:08x}"
        if set("{}\\") & set(str(path)):
            raise McueditError(f"{path}: openocd takes no braces and backslashes in a path", "rename it")
        program = f"program {{{path}}} verify reset exit{where}"
        argv = ("openocd", "-f", target, "-c", program)
        return (Step(argv, writes=True, files=files, proof=("** Verified OK **", 1)),)


class West:
    """Zephyr's `west flash`, which hands a HEX file to the runner that board.toml names and proves nothing itself."""

    no_probe: Sequence[str] = (
        "no available debug probe",
        "open failed",
        "cannot connect",
        "no debuggers were discovered",
        "no probe",
    )
    install: Mapping[str, str] = {"west": "pip install west, in a Zephyr workspace", _OBJCOPY: _INSTALL_OBJCOPY}
    packed = False

    def steps(self, board: Board, target: str, image: Image, folder: Path) -> tuple[Step, ...]:
        hex_file = folder / f"{image.stem}.hex"
        flash = ["west", "flash", "--no-rebuild", "--runner", target, "--hex-file", str(hex_file)]
        if image.elf:
            make = Step((_OBJCOPY, "-O", "ihex", str(image.elf), str(hex_file)))
            if image.elf.parent.name == "zephyr":
                flash[3:3] = ["--build-dir", str(image.elf.parent.parent)]
        else:
            path = folder / f"{image.stem}.bin"
            shift = f"--change-addresses=0x{image.address:08x}"
            argv = (_OBJCOPY, "-I", "binary", "-O", "ihex", shift, str(path), str(hex_file))
            make = Step(argv, files={path: image.segments[0][1]})
        return make, Step(tuple(flash), writes=True)


class Esptool:
    """Espressif's flasher. Addresses are offsets in the flash chip; firmware is packed into an image first."""

    no_probe: Sequence[str] = ("could not open", "failed to connect to", "no serial ports")
    install: Mapping[str, str] = {"esptool": "pip install esptool"}
    packed = True

    def steps(self, board: Board, target: str, image: Image, folder: Path) -> tuple[Step, ...]:
        path = folder / f"{image.stem}.bin"
        chip = ("esptool", "--chip", target)
        address = board.flash.origin if image.elf else image.address
        write = (*chip, "--after", "hard-reset", "write-flash", f"0x{address:x}", str(path))
        proof = ("Hash of data verified.", 1)
        if image.elf:
            pack = Step((*chip, "elf2image", "--output", str(path), str(image.elf)))
            return pack, Step(write, writes=True, checks=(path, board), proof=proof)
        return (Step(write, writes=True, files={path: image.segments[0][1]}, proof=proof),)


RUNNERS: Mapping[str, Runner] = {"pyocd": Pyocd(), "openocd": Openocd(), "west": West(), "esptool": Esptool()}


def runner_of(board: Board, name: str | None) -> tuple[str, str]:
    """The runner for a board, `name` or its default, and what that runner calls the board.

    Raises:
        McueditError: the board cannot be flashed, or not by that runner.
    """
    if board.flashing is None:
        raise McueditError(
            f"board {board.name} cannot be flashed", "it only exists in emulators: `mcuedit run` uses it"
        )
    name = name or board.flashing.runner
    if name not in board.flashing.targets:
        raise McueditError(
            f"board {board.name} is not flashed by {name}", f"--runner {' or '.join(board.flashing.targets)}"
        )
    return name, board.flashing.targets[name]


def commands(board: Board, images: Sequence[Image], runner: str | None = None, folder: Path = Path()) -> Commands:
    """The command lines that write `images`; `folder` is where their files go.

    Raises:
        McueditError: the board cannot be flashed that way.
    """
    name, target = runner_of(board, runner)
    return Commands(name, tuple((image, RUNNERS[name].steps(board, target, image, folder)) for image in images))
