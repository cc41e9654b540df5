# SPDX-License-Identifier: Apache-2.0
"""mcuedit emit: a base and its adapters as C sources."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit import codegen
from mcuedit._util.atomic import write_folder
from mcuedit.adapter import folder
from mcuedit.cli._shared.common import example, json_option, print_json, stdout, table, working
from mcuedit.cli._shared.files import scaled, scales_option, zoo_base
from mcuedit.codegen.emission import emit
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics


@click.command(
    epilog=example(
        "mcuedit emit gitega/ -o out/",
        "cmake -S out -B out-build && cmake --build out-build",
        "mcuedit emit gitega/ -o lib/ --project arduino",
    ),
)
@click.argument("adapters", metavar="ADAPTER...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--base", "base_path", type=click.Path(path_type=Path), help="Base of the adapters, if not from the zoo.")
@click.option("-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--project", type=click.Choice(codegen.PROJECTS), default="cmake", show_default=True, help="Build files to add."
)
@click.option(
    "--runtime",
    type=click.Choice(["bare", "tflm"]),
    default="bare",
    show_default=True,
    help="Run the base by itself, or inside TensorFlow Lite Micro.",
)
@scales_option
@click.option(
    "--train",
    "train",
    metavar="K.jsonl",
    type=click.Path(path_type=Path),
    help="Keep set from which a device gets what it needs to train gates.",
)
@click.option(
    "--train-op", "train_op", metavar="OP", type=int, help="FULLY_CONNECTED operator whose factors a device trains."
)
@click.option("--force", is_flag=True, help="Replace DIR even if it holds files that mcuedit did not write.")
@json_option
def command(
    adapters: tuple[Path, ...],
    base_path: Path | None,
    output: Path,
    project: str,
    runtime: str,
    scales: str,
    train: Path | None,
    train_op: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a base and its adapters as C sources for a firmware project, and each adapter's device bytes.

    --runtime bare compiles the base ahead of time; tflm writes what a firmware with TensorFlow Lite Micro needs: model
    array, op resolver, wrapped kernels, an example main. --project adds the build files and metadata of that kind of
    project; README.md in DIR says how it is used. --train chooses, from a keep set, what a device carries to learn
    corrections by itself: BASE_train.h. --tflm-scales float, or auto with TFLM_ROOT set, gives the bytes of versions
    of TFLM that take some ratios of scales in float (`mcuedit doctor` says which). DIR is written whole or not at all.
    The same input gives the same bytes.
    """
    loaded = [folder.load(path) for path in adapters]
    found = scaled(bundle.load(base_path) if base_path is not None else zoo_base(loaded), scales, runtime)
    gate = _gate(found, train) if train is not None else None
    factors = codegen.FactorSetup(train_op) if train_op is not None else None
    files = emit(found, loaded, project=project, runtime=runtime, gate=gate, factors=factors)
    write_folder(output, files, force=force)
    device = {name: len(data) for name, data in files.items() if name.endswith(".bin")}
    if as_json:
        print_json({"folder": str(output), "files": sorted(files), "adapter_bytes": sum(device.values())})
        return
    own = [(name, f"{len(data):,}") for name, data in files.items() if "/" not in name]
    stdout().print(table(str(output), ("file", "bytes"), own))


def _gate(found: Base, path: Path) -> tuple[GateStatistics, codegen.TrainSetup]:
    from mcuedit.benchmark import edits
    from mcuedit.edits import load_keep
    from mcuedit.emulate.runner import best_oracle
    from mcuedit.ondevice import corrections

    keep = load_keep(path)
    with working("running the base"):
        read = edits.reader(found, best_oracle(found.model))
        pair = corrections.choose_pair(read, keep)
        return corrections.statistics_for(read, keep, pair[0]), codegen.TrainSetup(*pair)
