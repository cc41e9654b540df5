# SPDX-License-Identifier: Apache-2.0
"""mcuedit inspect BASE: its ops, labels and runtimes."""

from __future__ import annotations

from mcuedit.boards import board
from mcuedit.cli._shared.common import print_json, stdout, table
from mcuedit.cli._shared.terminal import styled
from mcuedit.codegen import inspection
from mcuedit.edits import is_spare
from mcuedit.model.bundle import Base
from mcuedit.model.rims import Rim, Tail
from mcuedit.model.tflite import INT8, Model, Tensor


def show(found: Base, as_json: bool) -> None:
    """Everything that is known of a base."""
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
                "inputs": list(model.input_names),
                "outputs": list(model.output_names),
                "input_types": [_type(model, i, rim) for i, rim in zip(model.inputs, model.input_rims, strict=True)],
                "output_types": [_type(model, t, model.behind(i)) for i, t in enumerate(model.outputs)],
                "notes": list(model.notes),
                "labels": len(labels) - spare,
                "spare": spare,
                "op_kinds": [op.kind for op in ops],
                "op_macs": [op.macs for op in ops],
                "op_outputs": [op.output.name if op.output is not None else "" for op in ops],
                "taps": [op.index for op in ops if op.tap and not op.named],
                "targets": [op.index for op in ops if op.target and not op.named],
                "taps_by_name": [op.index for op in ops if op.tap and op.named],
                "targets_by_name": [op.index for op in ops if op.target and op.named],
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
    size = f"  {len(model.data):,} bytes, {sum(op.macs for op in ops):,} MACs"
    out.print(styled((found.name, "bold"), size))
    out.print(f"sha256 {model.sha256}")
    if labels:
        out.print(f"{len(labels) - spare} labels, {spare} spare slots")
    for line in (*_ends(model), *model.notes):
        out.print(line, markup=False)
    columns = ("op", "kind", "input", "weights", "output", "MACs", "bare", "tap", "target", "output's name, or why not")
    rows = [_op_row(op) for op in ops]
    out.print(table("", columns, rows, left=[column for column in columns if column != "MACs"]))
    if runs.bare:
        out.print(f"bare runtime: no, {runs.bare}", markup=False)
    else:
        scratch = f", {runs.stack_scratch:,} of stack as scratch" if runs.stack_scratch else ""
        out.print(f"bare runtime: yes; {runs.arena:,} bytes of arena{scratch}, {runs.constants:,} of constants")
    out.print(f"TensorFlow Lite Micro: {'no, ' + runs.tflm if runs.tflm else 'yes'}", markup=False)


def _type(model: Model, core: int, end: Rim | Tail | None) -> str:
    return end.outer.dtype if end else model.tensors[core].dtype


def _ends(model: Model) -> list[str]:
    """A line for each input and output, where they are several or not int8."""
    ends = [model.tensors[t] for t in (*model.inputs, *model.outputs)]
    if (
        all(t.dtype == INT8 for t in ends)
        and not model.rims
        and not model.tails
        and len(model.inputs) == len(model.outputs) == 1
    ):
        return []
    lines = []
    for i, (name, rim) in enumerate(zip(model.input_names, model.input_rims, strict=True)):
        tensor = model.tensors[model.inputs[i]]
        behind = f", {tensor.dtype.lower()} behind op {rim.op}" if rim else ""
        lines.append(f"input {i} {name!r}: {_type(model, tensor.index, rim)}{behind}, {_tensor(tensor)}")
    for i, name in enumerate(model.output_names):
        end, tensor = model.behind(i), model.tensors[model.outputs[i]]
        before = f", {tensor.dtype.lower()} before op {end.first}" if end else ""
        edited = ", the one that is edited" if len(model.outputs) > 1 and i == model.answering else ""
        lines.append(f"output {i} {name!r}: {_type(model, tensor.index, end)}{before}, {_tensor(tensor)}{edited}")
    return lines


def _op_row(op: inspection.OpInfo) -> tuple[object, ...]:
    yes, can = ("no", "yes"), ("no", "named" if op.named else "yes")
    return (
        op.index,
        op.kind,
        _tensor(op.input),
        _tensor(op.weights),
        _tensor(op.output),
        f"{op.macs:,}" if op.macs else "",
        yes[op.bare],
        can[op.tap],
        can[op.target],
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
