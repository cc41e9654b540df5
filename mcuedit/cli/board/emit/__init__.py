# SPDX-License-Identifier: Apache-2.0
"""mcuedit emit: a base and its adapters as C sources, or as one .tflite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit import codegen
from mcuedit._util.atomic import write_folder
from mcuedit.adapter import folder
from mcuedit.adapter.chosen import for_adapters
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, stdout, table, working
from mcuedit.cli._shared.files import scaled, served, zoo_base
from mcuedit.cli._shared.options import PATH, Writing, into, path
from mcuedit.cli.board.emit import augmented
from mcuedit.codegen.augment import AUTO, FORMS
from mcuedit.codegen.emission import emit
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics


@dataclass(frozen=True)
class _Given(Writing):
    adapters: tuple[Path, ...]
    base_path: Path | None
    project: str
    runtime: str
    scales: str
    output_name: str | None
    router: Path | None
    serve: tuple[str, ...]
    train: Path | None
    train_op: int | None
    augment: str | None
    ops_allowed: str | None
    arena: int | None
    max_bytes: int | None
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit emit gitega/ -o out/",
        "cmake -S out -B out-build && cmake --build out-build",
        "mcuedit emit gitega/ -o lib/ --project arduino",
        "mcuedit emit gitega/ --augment -o repaired.tflite",
        "mcuedit emit gitega/ polite/ --router routes.toml -o out/",
    ),
)
@click.argument("adapters", metavar="ADAPTER...", nargs=-1, type=PATH)
@path("--base", "base_path", help="Base of the adapters, if not from the zoo.")
@options.output_option("DIR", "Folder to write; with --augment the .tflite.")
@options.choice("--project", of=tuple(codegen.PROJECTS), default="cmake", help="Build files to add.")
@options.runtime_option
@options.scales_option
@options.output_name_option
@path(
    "--router", metavar="ROUTES.toml", help="Which adapters are active when; the device reads them from a flash image."
)
@options.serve_option
@path(
    "--train",
    metavar="K",
    help="Keep set, .jsonl or an .npz with keep, from which a device gets what it needs to train gates.",
)
@click.option("--train-op", metavar="OP", type=int, help="FULLY_CONNECTED operator whose factors a device trains.")
@click.option(
    "--augment",
    is_flag=False,
    flag_value=AUTO,
    type=click.Choice((*FORMS, AUTO)),
    help="Write one .tflite of builtin ops, in this form; without a word: auto.",
)
@click.option(
    "--ops-allowed", metavar="F|esphome|tflm-micro", help="With --augment: ops that the firmware has, one a line in F."
)
@options.whole("--arena", 1, help="With --augment: bytes of the arena that the firmware has.")
@options.whole("--max-bytes", 1, help="With --augment: bytes that the file may have.")
@options.force_option("Replace DIR even if it holds files that mcuedit did not write.")
@options.json_option
@into(_Given)
def command(given: _Given) -> None:
    """Write a base and its adapters as C sources for a firmware project, and each adapter's device bytes.

    --runtime bare compiles the base ahead of time; tflm writes what a firmware with TensorFlow Lite Micro needs: model
    array, op resolver, wrapped kernels, an example main. --project adds the build files and metadata of that kind of
    project; README.md in DIR says how it is used. --router is for adapters in flash that the core cannot read in place:
    DIR has an image for that flash, BASE_routes.bin, and a table of contexts between which the firmware switches,
    BASE_routes.c; what is active is read into RAM of a fixed size. --train chooses, from a keep set, what a device
    carries to learn corrections by itself: BASE_train.h. Deltas can act at every FULLY_CONNECTED and CONV_2D, and of
    other ops at those where the given adapters do, or that --serve names. --tflm-scales float, or auto with TFLM_ROOT
    set, gives the bytes of versions of TFLM that take some ratios of scales in float (`mcuedit doctor` says which). DIR
    is written whole or not at all. The same input gives the same bytes.

    --augment writes neither: the base's .tflite with the adapters as builtin ops in it, which every stock runtime runs
    (docs/guides/stock_runtimes.md). chained gives the very bytes of a device with the adapters, widened is cheaper and
    rounds once less; auto takes widened where it can. inputs is as exact as chained, for one of the adapters at a time:
    a header beside the file, FILE_inputs.h, has a function that sets the graph's further inputs before each inference.
    """
    loaded = [folder.load(one) for one in given.adapters]
    found = bundle.load(given.base_path) if given.base_path is not None else zoo_base(loaded)
    found = for_adapters(scaled(found, given.scales, given.runtime), loaded, given.output_name)
    if given.augment is not None:
        limits = augmented.limits(given.ops_allowed, given.arena, given.max_bytes)
        augmented.write(given.output, found, loaded, (given.augment, limits), given.as_json)
        return
    augmented.require_none(given.ops_allowed, given.arena, given.max_bytes)
    found = served(found, given.serve, loaded)
    gate = _gate(found, given.train) if given.train is not None else None
    factors = codegen.FactorSetup(given.train_op) if given.train_op is not None else None
    chosen = codegen.read_routes(given.router, loaded, found.model) if given.router is not None else loaded
    files = emit(found, chosen, project=given.project, runtime=given.runtime, gate=gate, factors=factors)
    write_folder(given.output, files, force=given.force)
    device = {name: len(data) for name, data in files.items() if name.endswith(".bin")}
    if given.router is not None:  # its image holds the adapters once more
        device = {name: size for name, size in device.items() if not name.endswith("_routes.bin")}
    if given.as_json:
        print_json({"folder": str(given.output), "files": sorted(files), "adapter_bytes": sum(device.values())})
        return
    own = [(name, f"{len(data):,}") for name, data in files.items() if "/" not in name]
    stdout().print(table(str(given.output), ("file", "bytes"), own))


def _gate(found: Base, keep_path: Path) -> tuple[GateStatistics, codegen.TrainSetup]:
    from mcuedit.api.learning import carried
    from mcuedit.benchmark import edits
    from mcuedit.emulate.runner import best_oracle

    with working("running the base"):
        return carried(edits.reader(found, best_oracle(found.model)), keep_path)
