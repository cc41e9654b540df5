# SPDX-License-Identifier: Apache-2.0
"""mcuedit quantize: a float network as an int8 base."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from mcuedit._util.atomic import require_free, resolved, write_file, write_folder
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, note, print_json, progress, stdout, working
from mcuedit.cli._shared.options import PATH, Writing, into, path
from mcuedit.codegen import inspection
from mcuedit.codegen.inspection import Runtimes
from mcuedit.emulate.runner import best_oracle
from mcuedit.model.bundle import LABELS, MODEL, PREPROCESS, load, read_labels
from mcuedit.model.tflite import Model, parse
from mcuedit.zoo.quantization import Agreement, agree, quantize, read

_FEW = 50  # samples, below which the ranges that they show are a guess
_AGREES = 0.95  # share of the same answers, below which we say what could be done


@dataclass(frozen=True)
class _Given(Writing):
    source: Path
    samples_path: Path
    labels_path: Path | None
    text: bool
    features: int
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit quantize net.keras --samples samples.npz --labels labels.txt -o base/",
        "mcuedit quantize saved_model/ --samples questions.txt --text --labels labels.txt -o base/",
    )
)
@click.argument("source", metavar="SOURCE", type=PATH)
@path("--samples", "samples_path", required=True, metavar="F", help="Inputs that calibrate it.")
@options.output_option("DIR|F.tflite", "Where the base goes.")
@path("--labels", "labels_path", metavar="F.txt", help="Names of the classes, one a line.")
@click.option("--text", is_flag=True, help="The input is text features; samples may be prompts, one a line.")
@click.option("--features", default=512, show_default=True, help="With prompts: how many features the input has.")
@options.force_option("Write into a folder that holds other files.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Make an int8 base of a float network: batch 1, int8 in and out, as TensorFlow Lite Micro wants it.

    SOURCE is what TensorFlow saved, with one input and one output: a .keras or .h5 file, or the folder of a SavedModel.
    Samples are an .npz with x, float32[n, *input], as the network was trained on; 100 or more, as the device will see
    them, are good. This takes pip install 'mcuedit[tensorflow]'.

    Exit code 1 if no runtime runs the base.
    """
    source, output = given.source, given.output
    lone = output.suffix == ".tflite"
    if lone and (given.labels_path is not None or given.text):
        raise McueditError(f"-o {output}: a lone .tflite has no labels and no text", "give a folder: -o DIR")
    if not lone:
        require_free(resolved(output), given.force)
    samples = read(given.samples_path, given.features if given.text else None)
    if len(samples) < _FEW:
        note(f"{len(samples)} samples calibrate it: more, as the device will see them, give better ranges")
    with working("quantizing"):
        made = quantize(source, samples, given.text)
    model = parse(made.data, str(source))
    files: dict[str, bytes | str] = {MODEL: made.data}
    if given.labels_path is not None:
        files[LABELS] = "".join(f"{label}\n" for label in read_labels(given.labels_path, model))
    if given.text:
        files[PREPROCESS] = json.dumps({"kind": "text-hash", "version": 1, "features": samples[0].size}) + "\n"
    runs, agreement = inspection.runtimes(model), None
    if not (runs.bare and runs.tflm):
        with progress("samples", len(samples)) as advance:
            agreement = agree(made.outputs, model, best_oracle(model), samples, advance)
    if lone:
        write_file(output, made.data)
    else:
        write_folder(output, files, force=given.force)
    _show(output, load(output).model, agreement, runs, given.as_json)
    return 1 if agreement is None else 0


def _show(to: Path, model: Model, agreement: Agreement | None, runs: Runtimes, as_json: bool) -> None:
    kinds = Counter(op.kind for op in model.ops)
    if as_json:
        values: dict[str, object] = {"output": str(to), "bytes": len(model.data), "sha256": model.sha256}
        values |= {"input_shape": model.input.shape, "input_scale": float(model.input.scale[0])}
        values |= {"input_zero_point": model.input.zero, "op_kinds": [op.kind for op in model.ops]}
        values |= {"bare": not runs.bare, "bare_why_not": runs.bare, "tflm": not runs.tflm, "tflm_why_not": runs.tflm}
        values |= {} if agreement is None else asdict(agreement)
        print_json(values)
        return
    out = stdout()
    scale = f"scale {float(model.input.scale[0]):.6g}, zero point {model.input.zero}"
    out.print(f"{to}: {len(model.data):,} bytes, input {model.input.shape} of {scale}", markup=False)
    out.print("ops: " + ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in kinds.items()), markup=False)
    for runtime, why_not in ("bare runtime", runs.bare), ("TensorFlow Lite Micro", runs.tflm):
        out.print(f"{runtime}: {'no, ' + why_not if why_not else 'yes'}", markup=False)
    if agreement is None:
        note("no runtime runs it, so nothing was compared")
        return
    out.print(_told(agreement), markup=False)
    if agreement.same_class is not None and agreement.same_class < _AGREES:
        note("the int8 base often answers otherwise: give more samples, or train with quantization in mind (QAT)")


def _told(found: Agreement) -> str:
    same = "" if found.same_class is None else f"the same answer for {100 * found.same_class:.1f} %, "
    apart = f"outputs apart by {found.mean:.3g} on average, {found.largest:.3g} at most, of {found.reach:.3g}"
    return f"float and int8 on {found.samples:,} samples: {same}{apart}"
