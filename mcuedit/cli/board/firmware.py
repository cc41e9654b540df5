# SPDX-License-Identifier: Apache-2.0
"""mcuedit firmware: devices that packages can be pushed to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.api.base import load_base
from mcuedit.api.flashing import build_firmware
from mcuedit.cli._shared import options, packages
from mcuedit.cli._shared.common import example, note, print_json, stdout, working
from mcuedit.cli._shared.options import TEXT, Compiling, into, path
from mcuedit.emulate.devices.updatable import DeviceSetup


@dataclass(frozen=True)
class _Given(Compiling):
    base_path: Path
    key_paths: tuple[Path, ...]
    board_name: str | None
    learn_path: Path | None
    device_id: str
    operator_paths: tuple[Path, ...]
    root_paths: tuple[Path, ...]
    root_threshold: int | None
    console: bool
    serve: tuple[str, ...]
    development: bool
    output: Path
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit firmware facts/ --key key.pub --operator operator.pub -o device",
        "./device --flash device.flash --port 1337",
        "mcuedit firmware facts/ --key key.pub --operator operator.pub --board nrf52840dk -o device.elf",
        "mcuedit firmware facts/ --learn keep.jsonl --operator operator.pub --board nrf52840dk -o learner.elf",
    )
)
@options.base_argument
@options.keys_option("Public key whose packages it takes; may be given again.")
@options.board_option("One of `mcuedit boards`; a process here if not given.")
@path("--learn", "learn_path", metavar="K.jsonl", help="Make it learn, too: keep set of what must stay. On boards.")
@click.option(
    "--id",
    "device_id",
    type=TEXT,
    default="device",
    show_default=True,
    help="Id that the device tells; 1-16 characters.",
)
@path(
    "--operator",
    "operator_paths",
    multiple=True,
    metavar="KEY",
    help="Public key of an operator, whose commands it obeys; may be given again.",
)
@options.root_options
@click.option(
    "--console", is_flag=True, help="Beside operators, whoever reaches its console teaches it and reports outcomes."
)
@options.serve_option
@click.option("--development", is_flag=True, help="Take packages and commands of anybody, and say so.")
@options.toolchain_option
@options.opt_option("s")
@options.output_option("FILE", "File that the firmware is written to.")
@options.json_option
@into(_Given)
def command(given: _Given) -> None:
    """Build a device that runs BASE and takes packages: for a board, an ELF; else a program of this machine.

    Both have a store of adapters in flash and speak SMP: the board on its UART, beside the line protocol, the program
    over UDP. `mcuedit push` and its fellows manage either. With --learn the board is corrected over its UART (`fix`,
    `yes`, `train`, `adopt`, `keep`, `drop`) or SMP, and keeps what it learned; with --operator its UART teaches it only
    if --console is given, too. Adapters can act at every FULLY_CONNECTED and CONV_2D, and at the other ops that --serve
    names.
    """
    from mcuedit.training.placement.pairs import find_op

    if given.learn_path and given.board_name is None:
        raise click.UsageError("--learn needs --board")
    if not given.key_paths and not given.development and not given.learn_path:
        raise McueditError("no --key: the device would activate nothing", "'mcuedit keygen' makes a key to give")
    of, keys = load_base(given.base_path), packages.public_keys(given.key_paths)
    operators = tuple(packages.public_keys(given.operator_paths))
    serve = tuple(find_op(of.model, op) for op in given.serve)
    setup = DeviceSetup(
        given.device_id,
        given.development,
        operators=operators,
        console=given.console,
        serve=serve,
        roots=packages.roots(given.root_paths, given.root_threshold),
    )
    with working("building"):
        made = build_firmware(of, keys, given.board_name, setup=setup, learn=given.learn_path, build=given.build())
    output = given.output
    atomic.write_file(output, made.data)
    if not made.board:
        output.chmod(output.stat().st_mode | 0o111)
    if given.development:
        note("a device for development: it takes packages and commands of anybody")
    if given.as_json:
        print_json(
            {
                "file": str(output),
                "board": made.board,
                "base": of.model.sha256,
                "keys": [key.sha256 for key in keys],
                "operators": [key.sha256 for key in operators],
                "roots": [key.sha256 for key in setup.roots.keys],
                "root_threshold": setup.roots.threshold,
                "development": given.development,
                "flash_bytes": made.flash,
                "ram_bytes": made.ram,
            }
        )
    elif not made.board:
        stdout().print(f"{output}: run it with --flash FILE --port 1337", markup=False)
    else:
        text = f"{output}: {made.flash:,} bytes of flash and {made.ram:,} of RAM, the stack apart, on {made.board}"
        stdout().print(text, markup=False)
