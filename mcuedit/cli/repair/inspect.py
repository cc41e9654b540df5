# SPDX-License-Identifier: Apache-2.0
"""mcuedit inspect: what is in a base, an adapter or a package."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding, folder
from mcuedit.adapter.delta import Adapter
from mcuedit.api.inputs import edit_set, tensor_set
from mcuedit.benchmark import edits
from mcuedit.boards import board
from mcuedit.cli._shared import packages
from mcuedit.cli._shared.common import (
    effort_option,
    example,
    json_option,
    print_json,
    searching,
    stdout,
    table,
    working,
)
from mcuedit.cli._shared.files import PATH, placement_table
from mcuedit.codegen import inspection
from mcuedit.edits import is_spare, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.model.tflite import Tensor
from mcuedit.package.container import MAGIC as PACKAGE_MAGIC
from mcuedit.training import Options, Problem, TextEdits, fit, place_tensors


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit inspect facts/",
        "mcuedit inspect gitega.bin --base facts/",
        "mcuedit inspect fix.mcu --key key.pub",
    )
)
@click.argument("path", metavar="BASE|ADAPTER|PACKAGE", type=PATH)
@click.option("--base", "base_path", type=PATH, help="Base that device bytes or a package belong to.")
@click.option(
    "--edits",
    "edit_paths",
    multiple=True,
    type=PATH,
    metavar="F",
    help="Edit set for which the places in BASE are ranked.",
)
@click.option("--keep", "keep_path", type=PATH, metavar="K", help="With --edits: prompts that must not change.")
@click.option("--key", "key_paths", multiple=True, type=PATH, metavar="KEY", help="Check a package's signature.")
@click.option("--against", type=PATH, metavar="F.tflite", help="Compare a package with a patch to this model.")
@effort_option
@json_option
def command(
    path: Path,
    base_path: Path | None,
    edit_paths: tuple[Path, ...],
    keep_path: Path | None,
    key_paths: tuple[Path, ...],
    against: Path | None,
    effort: float,
    as_json: bool,
) -> None:
    """Show what is in a base, an adapter or a package.

    A base is a .tflite, or a folder as `mcuedit zoo export` writes it; an adapter is a folder as `mcuedit edit` writes
    it, or device bytes; a package is what `mcuedit pack` writes. With --edits: where in the base `mcuedit edit` would
    place them, and how the others did.
    """
    head = _head(path)
    if head == PACKAGE_MAGIC:
        packages.inspect(path, base_path, key_paths, against, as_json)
        return
    if key_paths or against is not None:
        raise McueditError(f"{path}: no package", "--key and --against are for what 'mcuedit pack' writes")
    if edit_paths:
        _ranking(bundle.load(path), edit_paths, keep_path, effort, as_json)
        return
    if (path / "adapter_config.json").is_file():
        _adapter(folder.load(path), None, as_json)
    elif head[:3] == encoding.MAGIC[:3]:
        if base_path is None:
            raise McueditError(f"{path}: device bytes are read against their base", "add --base BASE")
        data = path.read_bytes()
        _adapter(encoding.decode(data, bundle.load(base_path).model, path.name), data, as_json)
    else:
        _base(bundle.load(path), as_json)


def _head(path: Path) -> bytes:
    """The first bytes of a file; none of anything else."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(4)


def _base(found: bundle.Base, as_json: bool) -> None:
    model, ops, runs = found.model, inspection.describe(found.model), inspection.runtimes(found.model)
    labels = found.labels or ()
    spare = sum(map(is_spare, labels))
    if as_json:
        print_json(
            {
                "kind": "base",
                "name": found.name,
                "sha256": model.sha256,
                "bytes": len(model.data),
                "macs": sum(op.macs for op in ops),
                "input_shape": model.input.shape,
                "output_shape": model.output.shape,
                "labels": len(labels) - spare,
                "spare": spare,
                "op_kinds": [op.kind for op in ops],
                "op_macs": [op.macs for op in ops],
                "op_outputs": [op.output.name if op.output is not None else "" for op in ops],
                "taps": [op.index for op in ops if op.tap],
                "targets": [op.index for op in ops if op.target],
                "bare": not runs.bare,
                "bare_why_not": runs.bare,
                "tflm": not runs.tflm,
                "tflm_why_not": runs.tflm,
                "arena": runs.arena,
                "stack_scratch": runs.stack_scratch,
                "constants": runs.constants,
                "boards": [b.name for b in map(board.load, board.names()) if inspection.holds(b, found, runs)],
            }
        )
        return
    out = stdout()
    out.print(f"[bold]{escape(found.name)}[/]  {len(model.data):,} bytes, {sum(op.macs for op in ops):,} MACs")
    out.print(f"sha256 {model.sha256}")
    if labels:
        out.print(f"{len(labels) - spare} labels, {spare} spare slots")
    columns = ("op", "kind", "input", "weights", "output", "MACs", "bare", "tap", "target", "output's name, or why not")
    rows = [_op_row(op) for op in ops]
    out.print(table("", columns, rows, left=[column for column in columns if column != "MACs"]))
    if runs.bare:
        out.print(f"bare runtime: no, {runs.bare}", markup=False)
    else:
        scratch = f", {runs.stack_scratch:,} of stack as scratch" if runs.stack_scratch else ""
        out.print(f"bare runtime: yes; {runs.arena:,} bytes of arena{scratch}, {runs.constants:,} of constants")
    out.print(f"TensorFlow Lite Micro: {'no, ' + runs.tflm if runs.tflm else 'yes'}", markup=False)


def _ranking(
    found: bundle.Base, edit_paths: Sequence[Path], keep_path: Path | None, effort: float, as_json: bool
) -> None:
    if edit_paths[0].suffix == ".npz":
        read, options = edits.reader(found, best_oracle(found.model)), Options(effort=effort)
        with searching(effort) as (say, advance):
            ranking = place_tensors(
                Problem(read, tensor_set(edit_paths, found.model), progress=say, advance=advance), options
            )
    else:
        if keep_path is None:
            raise McueditError("no keep set", "give --keep FILE: prompts whose answers must not change, one a line")
        with working("trying places"):
            read = edits.reader(found, best_oracle(found.model))
            ranking = fit("text", Problem(read, TextEdits(edit_set(edit_paths), load_keep(keep_path)))).placement
    if not ranking:
        raise McueditError("the base answers every edit as wanted already", "there is nothing to place")
    if as_json:
        known = [candidate.flat() for candidate in ranking]
        print_json({name: [values[name] for values in known] for name in known[0]})
    else:
        stdout().print(placement_table(ranking))


def _op_row(op: inspection.OpInfo) -> tuple[object, ...]:
    yes = ("no", "yes")
    return (
        op.index,
        op.kind,
        _tensor(op.input),
        _tensor(op.weights),
        _tensor(op.output),
        f"{op.macs:,}" if op.macs else "",
        yes[op.bare],
        yes[op.tap],
        yes[op.target],
        _name(op) if op.tap and op.target else op.why_not,
    )


def _name(op: inspection.OpInfo) -> str:
    """Enough of a name to ask for the op by it: converters chain names with semicolons."""
    return op.output.name.split(";")[0] if op.output is not None else ""


def _tensor(tensor: Tensor | None) -> str:
    """Shape and quantization: `1x512 /16 +0` reads shape, scale 1/16, zero point 0."""
    if tensor is None:
        return ""
    shape = "x".join(map(str, tensor.shape))
    if not tensor.scale.size:
        return shape
    if tensor.scale.size > 1:
        return f"{shape} {tensor.scale.size} scales"
    return f"{shape} *{float(tensor.scale[0]):.4g} {tensor.zero:+d}"


def _adapter(adapter: Adapter, data: bytes | None, as_json: bool) -> None:
    values: dict[str, Any] = {
        "kind": "adapter",
        "name": adapter.name,
        "version": adapter.version,
        "base_sha256": adapter.base_sha256,
        "deltas": len(adapter.deltas),
        "rank": sum(d.rank for d in adapter.deltas),
        "factor_bytes": adapter.factor_bytes,
        "label_classes": sorted(adapter.labels),
        "label_names": [name for _, name in sorted(adapter.labels.items())],
        "edits": len(adapter.info.get("edits", ())),
    }
    if data is not None:
        values |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if as_json:
        print_json(values)
        return
    out = stdout()
    size = f"{adapter.factor_bytes:,} bytes of factors"
    if data is not None:
        size += f" in {len(data):,} bytes for the device"
    out.print(f"[bold]{escape(adapter.name)}[/] {adapter.version} {size}")
    out.print(f"for base {adapter.base_sha256}")
    rows = [
        (
            f"{d.tap} -> {d.target}",
            d.rank,
            "gated" if d.gated else "plain",
            d.bits,
            d.a.shape[1],
            "all" if d.rows is None else len(d.rows),
            d.factor_bytes,
        )
        for d in adapter.deltas
    ]
    out.print(table("", ("delta", "rank", "kind", "bits of A", "inputs", "rows", "bytes"), rows, left=("kind",)))
    for index, label in sorted(adapter.labels.items()):
        out.print(f"class {index} is named {label}", markup=False)
