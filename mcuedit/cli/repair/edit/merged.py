# SPDX-License-Identifier: Apache-2.0
"""mcuedit edit --merged: a copy of the model with other weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import facts_of, tensor_set
from mcuedit.benchmark import edits
from mcuedit.cli._shared.common import notes, print_json, stdout, table, working
from mcuedit.cli._shared.files import load_chosen, metrics_table, tensor_table
from mcuedit.cli._shared.messages import complain
from mcuedit.cli._shared.options import is_given
from mcuedit.cli.repair.edit.given import Given
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import MeasureTensors, TensorMetrics
from mcuedit.training import Edited, Problem, fit

SUFFIX = ".tflite"


def run(given: Given) -> int:
    """Trains, writes and measures; the exit code."""
    output = given.output
    options = given.options()
    options = replace(options, gated=options.gated and is_given("gated"))  # plain unless asked otherwise
    base = load_chosen(given.base_path, given.output_name)
    if output.suffix != SUFFIX:
        raise McueditError(f"-o {output}: --merged writes a model, not a folder", f"give a name that ends in {SUFFIX}")
    if output.exists() and not given.force:
        raise McueditError(f"{output} exists", "choose another name, or give --force")
    measured: Metrics | TensorMetrics
    with working("training"):
        read = edits.reader(base, best_oracle(base.model))
        if given.tensors:
            data = tensor_set(given.edit_paths, base.model)
            made = fit("merged", Problem(read, data), options)
            file = edits.repaired(base, made, best_oracle) if made.weights else None
            measured = MeasureTensors(read, repaired=file)(data)
        else:
            made = fit("merged", Problem(read, given.text()), options)
            file = edits.repaired(base, made, best_oracle) if made.weights else None
            measured = edits.measure_edited(read, made, facts_of(base), file)
    notes(made.notes)
    figures = replace(measured, seconds=round(made.seconds, 3)).flat()
    if made.weights is None:
        return _nothing_left(output, figures, given.as_json)
    atomic.write_file(output, made.new_weights.data)
    if given.as_json:
        print_json(
            {
                "model": str(output),
                "target": made.new_weights.op,
                **figures,
                **_patch(made),
                "labels": made.adapter.labels,
            }
        )
    else:
        _show(output, made, measured)
    return 0 if measured.efficacy == 1.0 else 1


def _nothing_left(output: Path, figures: Mapping[str, Any], as_json: bool) -> int:
    """Says that no other weights are needed; the exit code. A file that is there is not what was asked for."""
    notes(("nothing is left to train: the base does everything as wanted by itself, and no model is written",))
    if as_json:
        print_json({"model": None, **figures})
    if output.exists():
        complain(f"{output}: is there, and was left as it was", f"remove it: rm {output}")
    return 1 if output.exists() else 0


def _patch(made: Edited) -> dict[str, Any]:
    return {f"patch_{name}": value for name, value in asdict(made.new_weights.patch).items()}


def _show(output: Path, made: Edited, measured: Metrics | TensorMetrics) -> None:
    out, weights, patch = stdout(), made.new_weights, made.new_weights.patch
    out.print(metrics_table(measured) if isinstance(measured, Metrics) else tensor_table(measured))
    out.print()
    if weights.tried:
        rows = [(op, f"{100 * edited:.1f} %", f"{100 * kept:.2f} %") for op, edited, kept in weights.tried]
        out.print(table("", ("op", "edits", "kept, held back"), rows))
        out.print()
    out.print(
        f"{output}: {len(weights.data):,} bytes as before; {patch.changed:,} of {patch.weights:,} weights of op "
        f"{weights.op} differ, {patch.clipped} of them clipped; a patch takes about {patch.packed:,} bytes"
    )
