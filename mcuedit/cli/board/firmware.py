# SPDX-License-Identifier: Apache-2.0
"""mcuedit firmware: devices that packages can be pushed to."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit._util import atomic, system
from mcuedit._util.errors import McueditError
from mcuedit.benchmark.edits import reader
from mcuedit.boards import board
from mcuedit.build.options import BuildOptions
from mcuedit.cli._shared import packages
from mcuedit.cli._shared.common import TEXT, example, json_option, note, print_json, stdout, working
from mcuedit.cli._shared.files import PATH
from mcuedit.codegen import TrainSetup
from mcuedit.edits import load_keep
from mcuedit.emulate.devices.updatable import DeviceSetup, build_device, build_program
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics, corrections


@click.command(
    epilog=example(
        "mcuedit firmware facts/ --key key.pub -o device",
        "./device --flash device.flash --port 1337",
        "mcuedit firmware facts/ --key key.pub --board nrf52840dk -o device.elf",
        "mcuedit firmware facts/ --learn keep.jsonl --board nrf52840dk -o learner.elf",
    )
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option(
    "--key",
    "key_paths",
    multiple=True,
    type=PATH,
    metavar="KEY",
    help="Public key whose packages it takes; may be given again.",
)
@click.option("--board", "board_name", metavar="NAME", help="One of `mcuedit boards`; a process here if not given.")
@click.option(
    "--learn",
    "learn_path",
    type=PATH,
    metavar="K.jsonl",
    help="Make it learn, too: keep set of what must stay. On boards.",
)
@click.option(
    "--id",
    "device_id",
    type=TEXT,
    default="device",
    show_default=True,
    help="Id that the device tells; 1-16 characters.",
)
@click.option("--development", is_flag=True, help="Take packages of anybody, and say so.")
@click.option("--toolchain", type=click.Choice(["auto", "gcc", "zig"]), default="auto", show_default=True)
@click.option("--opt", type=click.Choice(["2", "s"]), default="s", show_default=True, help="The compiler's -O.")
@click.option("-o", "--output", metavar="FILE", type=PATH, required=True)
@json_option
def command(
    base_path: Path,
    key_paths: tuple[Path, ...],
    board_name: str | None,
    learn_path: Path | None,
    device_id: str,
    development: bool,
    toolchain: str,
    opt: str,
    output: Path,
    as_json: bool,
) -> None:
    """Build a device that runs BASE and takes packages: for a board, an ELF; else a program of this machine.

    Both have a store of adapters in flash and speak SMP: the board on its UART, beside the line protocol, the program
    over UDP. `mcuedit push` and its fellows manage either. With --learn the board is corrected over its UART (`fix`,
    `yes`, `train`, `adopt`, `keep`, `drop`) or SMP, and keeps what it learned.
    """
    if learn_path and board_name is None:
        raise click.UsageError("--learn needs --board")
    if not key_paths and not development and not learn_path:
        raise McueditError("no --key: the device would activate nothing", "'mcuedit keygen' makes a key to give")
    of, keys = bundle.load(base_path), packages.public_keys(key_paths)
    with system.folder() as folder, working("building"):
        if board_name is None:
            built = build_program(of, keys, Path(folder), development=development)
            code = ram = 0
        else:
            to = board.load(board_name)
            learns = _lessons(of, learn_path) if learn_path else None
            setup = DeviceSetup(device_id, development, learns)
            result = build_device(of, keys, to, Path(folder), setup, BuildOptions(toolchain=toolchain, opt=opt))
            sizes = result.footprint
            built, code, ram = result.elf, sizes.code_total + sizes.model + sizes.data, sizes.data + sizes.bss
        atomic.write_file(output, built.read_bytes())
    if board_name is None:
        output.chmod(output.stat().st_mode | 0o111)
    if development:
        note("a device for development: it takes packages of anybody")
    if as_json:
        print_json(
            {
                "file": str(output),
                "board": board_name or "",
                "base": of.model.sha256,
                "keys": [key.sha256 for key in keys],
                "development": development,
                "flash_bytes": code,
                "ram_bytes": ram,
            }
        )
    elif board_name is None:
        stdout().print(f"{output}: run it with --flash FILE --port 1337", markup=False)
    else:
        text = f"{output}: {code:,} bytes of flash and {ram:,} of RAM, the stack apart, on {board_name}"
        stdout().print(text, markup=False)


def _lessons(of: Base, keep_path: Path) -> tuple[GateStatistics, TrainSetup]:
    """What it takes to learn, with the tap and target that `mcuedit learn` chooses, and the room that it has."""
    keep, read = load_keep(keep_path), reader(of, best_oracle(of.model))
    pair = corrections.choose_pair(read, keep)
    return corrections.statistics_for(read, keep, pair[0]), TrainSetup(*pair)
