# SPDX-License-Identifier: Apache-2.0
"""mcuedit eval: measure adapters that exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import facts_of, tensor_set
from mcuedit.benchmark import edits
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, stdout, working
from mcuedit.cli._shared.files import are_tensors, keep_set, metrics_table, read_adapters, tensor_table
from mcuedit.cli._shared.options import into
from mcuedit.cli.repair import eval_file
from mcuedit.codegen.augment import Mark
from mcuedit.edits import load_edits
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.dump import dump as raw
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.model import bundle


@dataclass(frozen=True)
class _Given:
    base_path: Path
    adapters: tuple[Path, ...]
    edit_path: Path
    keep_path: Path | None
    output_name: str | None
    dump: Path | None
    as_json: bool


@click.command(
    epilog=example("mcuedit eval facts/ repair/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl")
)
@options.base_argument
@options.adapters_argument
@options.edits_option("Edit set: what the adapters are to change.", metavar="F")
@options.keep_option("Prompts that must not change.", metavar="K", required=False)
@options.output_name_option
@options.path("--dump", metavar="F.npz", help="Write every raw output of prompts there.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Measure adapters, all active together, against their untouched base.

    In place of adapters a .tflite that `mcuedit emit --augment` wrote: it is run by tflite_micro and by LiteRT, each
    against the base in the same runtime.

    Exit code 1 if an edited prompt or input does not get what is wanted.
    """
    if (file := eval_file.found(given.adapters)) is not None:
        return _file(given, *file)
    found, loaded = read_adapters(given.adapters, bundle.load(given.base_path), given.output_name)
    found = bundle.with_output(found, None)
    metrics: Metrics | TensorMetrics
    with working("evaluating"):
        read = edits.reader(found, best_oracle(found.model))
        if are_tensors(given.edit_path):
            if given.dump is not None or given.keep_path is not None:
                raise McueditError("--dump and --keep are for prompts", "the .npz holds what to keep")
            metrics = edits.evaluate_tensors(read, loaded, tensor_set([given.edit_path], found.model))
        else:
            keep = keep_set(given.keep_path)
            metrics, cases = edits.evaluate(read, loaded, load_edits(given.edit_path), keep, facts_of(found))
            if given.dump is not None:
                atomic.write_file(given.dump, raw(read, cases, keep.prompts))
    if given.as_json:
        print_json(metrics.flat())
    else:
        stdout().print(metrics_table(metrics) if isinstance(metrics, Metrics) else tensor_table(metrics))
    return 0 if metrics.efficacy == 1.0 else 1


def _file(given: _Given, data: bytes, mark: Mark) -> int:
    """An extended .tflite by each stock runtime; the exit code is that of the first."""
    if given.dump is not None:
        raise McueditError("--dump beside a .tflite with adapters in it", "dump what the adapters themselves do")
    found = bundle.with_output(bundle.load(given.base_path), given.output_name)
    with working("evaluating"):
        figures = eval_file.measured(found, data, mark, given.edit_path, given.keep_path)
    first, *others = figures
    if given.as_json:
        flat = figures[first].flat()
        print_json({**flat, **{f"{o.lower()}_{k}": v for o in others for k, v in figures[o].flat().items()}})
    else:
        for name, metrics in figures.items():
            stdout().print(name)
            stdout().print(metrics_table(metrics) if isinstance(metrics, Metrics) else tensor_table(metrics))
    return 0 if figures[first].efficacy == 1.0 else 1
