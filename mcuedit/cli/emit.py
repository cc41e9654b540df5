# SPDX-License-Identifier: Apache-2.0
"""mcuedit emit: a base and its adapters as C sources."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit import adapter_dir, base, codegen
from mcuedit.atomic import write_folder
from mcuedit.cli._common import example, json_option, print_json, stdout, table
from mcuedit.cli._files import zoo_base
from mcuedit.emission import emit


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
@click.option("--project", type=click.Choice(codegen.PROJECTS), default="cmake", show_default=True, help="See below.")
@click.option("--runtime", type=click.Choice(["bare", "tflm"]), default="bare", show_default=True, help="See below.")
@click.option("--force", is_flag=True, help="Replace DIR even if it holds files that mcuedit did not write.")
@json_option
def command(
    adapters: tuple[Path, ...],
    base_path: Path | None,
    output: Path,
    project: str,
    runtime: str,
    force: bool,
    as_json: bool,
) -> None:
    """Write a base and its adapters as C sources for a firmware project, and each adapter's device bytes.

    --runtime bare compiles the base ahead of time; tflm writes what a firmware with TensorFlow Lite Micro needs: model
    array, op resolver, wrapped kernels, an example main. --project adds the build files and metadata of that kind of
    project; README.md in DIR says how it is used. DIR is written whole or not at all. The same input gives the same
    bytes.
    """
    loaded = [adapter_dir.load(path) for path in adapters]
    found = base.load(base_path) if base_path is not None else zoo_base(loaded)
    files = emit(found, loaded, project=project, runtime=runtime)
    write_folder(output, files, force=force)
    device = {name: len(data) for name, data in files.items() if name.endswith(".bin")}
    if as_json:
        print_json({"folder": str(output), "files": sorted(files), "adapter_bytes": sum(device.values())})
        return
    own = [(name, f"{len(data):,}") for name, data in files.items() if "/" not in name]
    stdout().print(table(str(output), ("file", "bytes"), own))
