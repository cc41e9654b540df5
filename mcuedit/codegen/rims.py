# SPDX-License-Identifier: Apache-2.0
"""What C needs to know of the ends of a model: scales, zero points, and the rim's arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcuedit.codegen import literals
from mcuedit.codegen.names import comment
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.rims import Rim
from mcuedit.model.tflite import INT16, Model, Tensor

_C_TYPES = {"FLOAT32": "float", "UINT8": "uint8_t", "INT16": "int16_t", "INT32": "int32_t"}
_FIELDS = {"FLOAT32": "f", "UINT8": "uint8", "INT8": "int8", "INT16": "i16", "INT32": "i32"}  # of TFLM's TfLitePtrUnion


def quantization(model: Model) -> dict[str, Any]:
    """`plain_ends`: whether the model has one int8 input and one int8 output; `inputs`, `outputs`: one entry each."""
    wide = any(model.tensors[t].dtype == INT16 for t in (*model.inputs, *model.outputs))
    return {
        "plain_ends": len(model.inputs) == len(model.outputs) == 1 and not model.rims and not model.tails and not wide,
        "wide_input": model.tensors[model.inputs[0]].dtype == INT16,
        "wide_output": model.tensors[model.outputs[0]].dtype == INT16,
        "inputs": _side(model, "input", model.inputs, model.input_names, model.input_rims),
        "outputs": _outputs(model),
    }


def _outputs(model: Model) -> list[dict[str, Any]]:
    """With `tail`, the kinds of ops behind an output, and `hidden`, whether the interpreter's output tells no bytes."""
    found = _side(model, "output", model.outputs, model.output_names, model.output_rims)
    for end, tail in zip(found, model.tails or (None,) * len(found), strict=True):
        end["tail"] = comment(tail.kinds) if tail else ""
        end["hidden"] = bool(tail) or (end["rim"] is not None and not end["rim"]["told"])
    return found


def _side(
    model: Model, which: str, tensors: tuple[int, ...], names: tuple[str, ...], rims: tuple[Rim | None, ...]
) -> list[dict[str, Any]]:
    found, start = [], 0
    for i, t in enumerate(tensors):
        tensor = model.tensors[t]
        found.append(
            {
                "index": i,
                "suffix": f"_{which}{i}" if len(tensors) > 1 else "",
                "macro": f"{which.upper()}{i}" if len(tensors) > 1 else which.upper(),
                "title": comment(names[i]) if names else "",
                "tensor": t,
                "offset": start,
                "size": tensor.size,
                "wide": tensor.dtype == INT16,
                "field": _FIELDS[tensor.dtype],
                "scale": f"{np.float32(tensor.scale[0])!s}f",
                "zero_point": tensor.zero,
                "rim": _rim(rims[i], which) if rims else None,
            }
        )
        start += tensor.nbytes
    return found


def _rim(rim: Rim | None, which: str) -> dict[str, Any] | None:
    if rim is None:
        return None
    values: dict[str, Any] = {
        "dtype": rim.outer.dtype.lower(),
        "type": _C_TYPES[rim.outer.dtype],
        "field": _FIELDS[rim.outer.dtype],
        "is_float": rim.outer.dtype == "FLOAT32",
        "told": True,
    }
    if values["is_float"]:
        return values
    source, made = (rim.outer, rim.inner) if which == "input" else (rim.inner, rim.outer)
    m, s = quantize_multiplier(_ratio(source, made))
    least, most = (-128, 127) if which == "input" else (np.iinfo(rim.dtype).min, np.iinfo(rim.dtype).max)
    if which == "input":
        values["taken"] = literals.array(rim.taken(rim.reachable(rim.every)))
    else:
        values["told"] = len(np.unique(rim.dequantize(rim.every))) == len(rim.every)
    values |= {"zero_point": rim.outer.zero, "multiplier": m, "shift": s, "least": int(least), "most": int(most)}
    return values


def _ratio(source: Tensor, made: Tensor) -> float:
    return float(source.scale[0]) / float(made.scale[0])
